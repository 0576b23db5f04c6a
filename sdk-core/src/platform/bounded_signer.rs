//! A signer that answers in time or not at all, and whose signatures are what they should be.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    bounded::Bounded,
    signer::{Signer, SignerError},
};
use crate::{
    crypto::{self, P256Point},
    runtime,
};

/// Calls a signer as [`Bounded`] does. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct BoundedSigner(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    signer: Bounded<dyn Signer>,
    /// So that one thread at a time waits for the signer, and the others of the runtime stay free.
    turn: Semaphore,
    in_use: Mutex<Vec<String>>,
}

impl BoundedSigner {
    pub(crate) fn new(signer: Arc<dyn Signer>, limit: Duration) -> Self {
        let signer = Bounded::new(signer, limit, "moorline-signer");
        Self(Arc::new(Inner { signer, turn: Semaphore::new(1), in_use: Mutex::default() }))
    }

    /// Generates a key, and signs with it once: a signer whose signatures no server accepts must be detected before
    /// the user signs in.
    pub(crate) async fn generate(&self, key_id: &str) -> Result<P256Point, SignerError> {
        let name = key_id.to_owned();
        let generated = self.call(move |signer| signer.generate(&name)).await?;
        let point = crypto::p256_point(&generated).ok_or_else(|| {
            SignerError::Failed(format!("its public key of {} bytes is no point on P-256", generated.len()))
        });
        let usable = match point {
            Ok(point) => self.sign(key_id, point, crypto::random::<32>().to_vec()).await.map(|_| point),
            Err(error) => Err(error),
        };
        if usable.is_err() {
            self.discard(key_id).await;
        }
        usable
    }

    /// The signature of `message`, `r ‖ s`, which the public key `point` verifies.
    ///
    /// Each signature is verified, not only a key's first: that takes two tenths of a millisecond, on the thread that
    /// has just waited tens of milliseconds for the hardware. What does not verify is reported and never sent.
    pub(crate) async fn sign(
        &self,
        key_id: &str,
        point: P256Point,
        message: Vec<u8>,
    ) -> Result<[u8; 64], SignerError> {
        let key_id = key_id.to_owned();
        self.call(move |signer| {
            let signature = signer.sign(&key_id, &message)?;
            crypto::verified_es256(&point, &message, &signature).ok_or_else(|| {
                let length = signature.len();
                SignerError::Failed(format!(
                    "its signature of {length} bytes does not verify under the public key"
                ))
            })
        })
        .await
    }

    /// Deletes a key that nothing refers to. One that cannot be deleted stays: it is of no use to anybody.
    pub(crate) async fn discard(&self, key_id: &str) {
        let name = key_id.to_owned();
        if let Err(error) = self.call(move |signer| signer.delete(&name)).await {
            tracing::info!(%error, "a key that was never used stays in the signer");
        }
    }

    /// Deletes a key; one that is not there is not an error. Blocks.
    pub(crate) fn delete(&self, key_id: &str) -> Result<(), SignerError> {
        let key_id = key_id.to_owned();
        self.0.signer.call(move |signer| signer.delete(&key_id))
    }

    /// Keeps a key from being deleted while the result lives: an answer that is under way may bring tokens that only
    /// this key can revoke.
    pub(crate) fn keep(&self, key_id: &str) -> KeyInUse {
        self.in_use().push(key_id.to_owned());
        KeyInUse { signer: self.clone(), key_id: key_id.to_owned() }
    }

    /// Whether this process needs the key although the vault may not refer to it.
    pub(crate) fn is_in_use(&self, key_id: &str) -> bool {
        self.in_use().iter().any(|used| used == key_id)
    }

    async fn call<A: Send + 'static>(
        &self,
        call: impl FnOnce(&(dyn Signer + 'static)) -> Result<A, SignerError> + Send + 'static,
    ) -> Result<A, SignerError> {
        // It is never closed.
        let _turn = self.0.turn.acquire().await;
        let signer = self.0.signer.clone();
        runtime::blocking(move || signer.call(call)).await
    }

    fn in_use(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that is not deleted while this lives.
#[derive(Debug)]
pub(crate) struct KeyInUse {
    signer: BoundedSigner,
    key_id: String,
}

impl Drop for KeyInUse {
    fn drop(&mut self) {
        let mut in_use = self.signer.in_use();
        if let Some(at) = in_use.iter().position(|used| *used == self.key_id) {
            in_use.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;
    use crate::testing::hardware::{Form, Hardware};

    fn signer(hardware: &Arc<Hardware>) -> BoundedSigner {
        BoundedSigner::new(hardware.clone(), Duration::from_secs(600))
    }

    #[tokio::test]
    async fn either_form_of_a_signature_becomes_the_one_of_a_proof() {
        let hardware = Arc::<Hardware>::default();
        let signer = signer(&hardware);
        let point = signer.generate("k1").await.unwrap();
        for form in [Form::Der, Form::Fixed] {
            hardware.form(form);
            let signature = signer.sign("k1", point, b"message".to_vec()).await.unwrap();
            assert_eq!(crypto::verified_es256(&point, b"message", &signature), Some(signature));
        }
    }

    #[tokio::test]
    async fn what_does_not_verify_is_a_failure_and_no_signature() {
        let hardware = Arc::<Hardware>::default();
        let signer = signer(&hardware);
        let point = signer.generate("k1").await.unwrap();
        let other = signer.generate("k2").await.unwrap();
        for form in [Form::OfAnotherMessage, Form::Empty, Form::Panics] {
            hardware.form(form);
            let outcome = signer.sign("k1", point, b"message".to_vec()).await;
            assert!(matches!(outcome, Err(SignerError::Failed(_))), "{form:?}: {outcome:?}");
        }
        hardware.form(Form::Der);
        let outcome = signer.sign("k1", other, b"message".to_vec()).await;
        assert!(matches!(&outcome, Err(SignerError::Failed(why)) if why.contains("verify")), "{outcome:?}");
        assert_eq!(signer.sign("k3", point, b"message".to_vec()).await, Err(SignerError::Gone));
        signer.sign("k1", point, b"message".to_vec()).await.unwrap();
    }

    #[tokio::test]
    async fn a_new_key_that_cannot_be_used_is_an_error_and_is_deleted() {
        let hardware = Arc::<Hardware>::default();
        let signer = signer(&hardware);
        for form in [Form::OfAnotherMessage, Form::Empty, Form::Panics] {
            hardware.form(form);
            assert!(matches!(signer.generate("k1").await, Err(SignerError::Failed(_))));
            assert!(hardware.key_ids().is_empty());
        }
        hardware.trouble(SignerError::Locked);
        assert_eq!(signer.generate("k1").await, Err(SignerError::Locked));
    }

    /// Generates what is no point, and answers a signature when the test lets it.
    #[derive(Debug)]
    struct Odd {
        gate: Mutex<mpsc::Receiver<()>>,
        calls: AtomicUsize,
    }

    impl Signer for Odd {
        fn generate(&self, key_id: &str) -> Result<Vec<u8>, SignerError> {
            Ok(vec![4; key_id.len()])
        }

        fn sign(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, SignerError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let _ = self.gate.lock().unwrap().recv();
            Err(SignerError::Locked)
        }

        fn delete(&self, _: &str) -> Result<(), SignerError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_public_key_of_another_form_is_a_failure() {
        let (_open, gate) = mpsc::channel();
        let odd = Arc::new(Odd { gate: Mutex::new(gate), calls: AtomicUsize::new(0) });
        let signer = BoundedSigner::new(odd, Duration::from_secs(600));
        for length in [0, 33, 64, 66, 91] {
            let outcome = signer.generate(&"k".repeat(length)).await;
            assert!(
                matches!(&outcome, Err(SignerError::Failed(why)) if why.contains("point")),
                "{outcome:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_signer_that_hangs_blocks_one_thread_and_no_caller() {
        let (open, gate) = mpsc::channel();
        let odd = Arc::new(Odd { gate: Mutex::new(gate), calls: AtomicUsize::new(0) });
        let signer = BoundedSigner::new(odd.clone(), Duration::ZERO);
        for _ in 0..20 {
            assert_eq!(signer.sign("k1", [4; 65], Vec::new()).await, Err(SignerError::TimedOut));
        }
        assert!(odd.calls.load(Ordering::SeqCst) <= 1, "one call is under way");
        drop(open);
    }

    #[test]
    fn a_key_is_in_use_as_long_as_somebody_keeps_it() {
        let signer = signer(&Arc::default());
        let first = signer.keep("k1");
        let second = signer.keep("k1");
        drop(first);
        assert!(signer.is_in_use("k1") && !signer.is_in_use("k2"));
        drop(second);
        assert!(!signer.is_in_use("k1"));
    }
}
