//! Lets a caller stop waiting for a call.

use std::{future, sync::Arc};

use tokio::sync::watch;

/// Lets a caller stop waiting: calls that were given this fail with [`Cancelled`](crate::ErrorKind::Cancelled) as
/// soon as [`cancel`](Self::cancel) is called. Work that has begun is finished inside the SDK.
#[derive(Debug, Default, uniffi::Object)]
pub struct Cancellation {
    cancelled: watch::Sender<bool>,
}

#[uniffi::export]
impl Cancellation {
    /// A new one, not cancelled.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Cancels every call that was or will be given this. Calling it again changes nothing.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }
}

impl Cancellation {
    pub(crate) async fn cancelled(&self) {
        // An error would mean that the sender is gone, and `self` holds it.
        let _ = self.cancelled.subscribe().wait_for(|cancelled| *cancelled).await;
    }
}

/// Waits for a cancellation; for ever if there is none to wait for.
pub(crate) async fn cancelled(cancellation: Option<&Cancellation>) {
    match cancellation {
        Some(cancellation) => cancellation.cancelled().await,
        None => future::pending().await,
    }
}
