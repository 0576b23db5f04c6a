//! Giving up on a call from outside.

use std::{future, sync::Arc};

use tokio::sync::watch;

/// Lets a caller give up on calls: those that were handed it answer [`Cancelled`](crate::ClientError::Cancelled) as
/// soon as [`cancel`](Self::cancel) is called. What they had begun is finished inside the SDK.
#[derive(Debug, Default, uniffi::Object)]
pub struct Cancellation {
    cancelled: watch::Sender<bool>,
}

#[uniffi::export]
impl Cancellation {
    /// One that was not cancelled yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Gives up on every call that was handed this, now and later. Calling it again changes nothing.
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

/// Waits for a cancellation; for ever where there is none to wait for.
pub(crate) async fn cancelled(cancellation: Option<&Cancellation>) {
    match cancellation {
        Some(cancellation) => cancellation.cancelled().await,
        None => future::pending().await,
    }
}
