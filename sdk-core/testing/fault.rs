//! What goes wrong between app and provider.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// What happens to the next request of the token endpoint.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It is done, and its answer is lost.
    LoseAnswer,
    /// It is done, and its body is answered like this: a whole HTTP response.
    Odd(fn(&str) -> Vec<u8>),
    /// It is not done, and this is answered.
    Instead(u16, &'static str),
    /// It is not done, and this is answered once the gate is open.
    HoldInstead(Gate, u16, &'static str),
    /// It waits for the gate before it is done.
    HoldBefore(Gate),
    /// It is done, and its answer waits for the gate.
    HoldAnswer(Gate),
}

/// Holds a request until a test opens it.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(Semaphore, Semaphore)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), Semaphore::new(0))))
    }

    /// Waits until a request is at the gate.
    pub(crate) async fn reached(&self) {
        self.0.0.acquire().await.unwrap().forget();
    }

    pub(crate) fn open(&self) {
        self.0.1.add_permits(1);
    }

    pub(super) async fn pass(&self) {
        self.0.0.add_permits(1);
        self.0.1.acquire().await.unwrap().forget();
    }
}
