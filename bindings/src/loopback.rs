//! The receiver of a callback on a desktop.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use moorline::Error;
#[cfg(not(any(target_os = "android", target_os = "ios")))]
use moorline::LoopbackReceiver as Receiver;

#[cfg(any(target_os = "android", target_os = "ios"))]
use self::absent::Receiver;
use crate::{Cancellation, ClientError, Vocabulary, cancellation::cancelled};

/// Waits on the loopback interface for the browser to come back. Mirrors `moorline::LoopbackReceiver`, which phones do
/// not have: there, binding fails with [`Misconfigured`](crate::ErrorKind::Misconfigured).
#[derive(uniffi::Object)]
pub struct LoopbackReceiver {
    /// Until it is waited for.
    receiver: Mutex<Option<Receiver>>,
    redirect_uri: String,
    released: Arc<Cancellation>,
    vocabulary: Vocabulary,
}

/// How the redirect URI names this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LoopbackHost {
    /// `127.0.0.1`, or `[::1]` if there is no IPv4: what RFC 8252 §8.3 prefers.
    Address,
    /// `localhost`, for a provider that accepts no other.
    Localhost,
}

#[uniffi::export]
impl LoopbackReceiver {
    /// Listens on this port; 0 takes a free one.
    #[uniffi::constructor]
    pub async fn bind(
        host: LoopbackHost,
        port: u16,
        vocabulary: Vocabulary,
    ) -> Result<Arc<Self>, ClientError> {
        let bound = match host {
            LoopbackHost::Address => Receiver::bind_port(port).await,
            LoopbackHost::Localhost => Receiver::bind_localhost(port).await,
        };
        let receiver = bound.map_err(|error| ClientError::new(error, vocabulary))?;
        let redirect_uri = receiver.redirect_uri().to_owned();
        let released = Cancellation::new();
        Ok(Arc::new(Self { receiver: Mutex::new(Some(receiver)), redirect_uri, released, vocabulary }))
    }

    /// The redirect URI for the sign-in.
    pub fn redirect_uri(&self) -> String {
        self.redirect_uri.clone()
    }

    /// Waits for the callback of the sign-in with this `state`, once, and returns the callback's URL.
    pub async fn wait(
        &self,
        state: String,
        timeout: Duration,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<String, ClientError> {
        let outcome = match self.take() {
            None => Err(Error::Misconfigured(
                "this LoopbackReceiver was waited for already, or closed; bind a new one".into(),
            )),
            Some(receiver) => tokio::select! {
                biased;
                () = self.released.cancelled() => Err(Error::Cancelled),
                () = cancelled(cancellation.as_deref()) => Err(Error::Cancelled),
                outcome = receiver.wait(&state, timeout) => outcome,
            },
        };
        outcome.map_err(|error| ClientError::new(error, self.vocabulary))
    }

    /// Stops listening. A waiting [`wait`](Self::wait) fails with [`Cancelled`](crate::ErrorKind::Cancelled).
    pub fn release(&self) {
        drop(self.take());
        self.released.cancel();
    }
}

impl LoopbackReceiver {
    fn take(&self) -> Option<Receiver> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for LoopbackReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopbackReceiver").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

/// What a phone has instead of the SDK's receiver.
#[cfg(any(target_os = "android", target_os = "ios", test))]
mod absent {
    use super::{Duration, Error};

    /// Never made.
    #[derive(Debug)]
    pub(super) enum Receiver {}

    #[cfg_attr(test, expect(dead_code, reason = "a desktop binds the SDK's own receiver"))]
    impl Receiver {
        pub(super) async fn bind_port(_: u16) -> Result<Self, Error> {
            Err(no_receiver())
        }

        pub(super) async fn bind_localhost(_: u16) -> Result<Self, Error> {
            Err(no_receiver())
        }

        pub(super) fn redirect_uri(&self) -> &str {
            match *self {}
        }

        pub(super) async fn wait(self, _: &str, _: Duration) -> Result<String, Error> {
            match self {}
        }
    }

    fn no_receiver() -> Error {
        Error::Misconfigured(
            "a phone cannot wait on a loopback port, because it suspends the app behind the browser; register a \
             redirect_uri() with a private-use scheme, or an https address that the app has claimed"
                .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[tokio::test]
    async fn on_a_phone_the_error_names_the_other_kinds_of_redirect() {
        let error = absent::Receiver::bind_port(0).await.expect_err("there is none");
        let ClientError::Failed { kind, .. } = ClientError::new(error, Vocabulary::Swift);
        let ErrorKind::Misconfigured { what } = kind else { panic!("{kind:?}") };
        assert!(what.contains("redirectURI") && what.contains("private-use scheme"), "{what}");
    }

    #[tokio::test]
    async fn a_receiver_is_waited_for_once() {
        let receiver = LoopbackReceiver::bind(LoopbackHost::Localhost, 0, Vocabulary::Kotlin)
            .await
            .expect("a free port");
        assert!(receiver.redirect_uri().starts_with("http://localhost:"));
        let wait = || receiver.wait("s1".into(), Duration::ZERO, None);
        let ClientError::Failed { kind, .. } = wait().await.expect_err("nobody comes");
        assert_eq!(kind, ErrorKind::Cancelled);
        let ClientError::Failed { kind, text, .. } = wait().await.expect_err("it is used up");
        assert!(matches!(kind, ErrorKind::Misconfigured { .. }), "{text}");
    }

    #[tokio::test]
    async fn a_released_receiver_ends_its_wait_and_frees_its_port() {
        let bind = |port| LoopbackReceiver::bind(LoopbackHost::Address, port, Vocabulary::Kotlin);
        let receiver = bind(0).await.expect("a free port");
        let port =
            receiver.redirect_uri().trim_end_matches("/callback").rsplit(':').next().expect("a port").parse();
        let wait = receiver.wait("s1".into(), Duration::from_secs(3600), None);
        let release = async { receiver.release() };
        let (outcome, ()) = tokio::join!(wait, release);
        let ClientError::Failed { kind, .. } = outcome.expect_err("nobody came");
        assert_eq!(kind, ErrorKind::Cancelled);
        let again = bind(port.expect("a number")).await.expect("it is free");
        again.release();
        let ClientError::Failed { kind, text, .. } =
            again.wait("s1".into(), Duration::ZERO, None).await.expect_err("it was released");
        assert!(matches!(kind, ErrorKind::Misconfigured { .. }), "{text}");
    }
}
