//! What goes wrong between app and provider.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// What happens to a request.
#[derive(Clone)]
pub enum Fault {
    /// It is done, and its answer is lost.
    LoseAnswer,
    /// It is done, and its body is answered like this: a whole HTTP response.
    Odd(fn(&str) -> Vec<u8>),
    /// It is not done, and this is answered.
    Instead(u16, &'static str),
    /// The same, with a body that was made meanwhile.
    Reply(u16, String),
    /// It is not done, and this is answered once the gate is open.
    HoldInstead(Gate, u16, &'static str),
    /// It waits for the gate before it is done.
    HoldBefore(Gate),
    /// It is done, and its answer waits for the gate.
    HoldAnswer(Gate),
}

/// Holds a request until a test opens it.
#[derive(Clone)]
pub struct Gate(Arc<(Semaphore, Semaphore)>);

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A gate that is shut.
    pub fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), Semaphore::new(0))))
    }

    /// Waits until a request is at the gate.
    pub async fn reached(&self) {
        self.0.0.acquire().await.expect("it is never closed").forget();
    }

    /// Lets one request through.
    pub fn open(&self) {
        self.0.1.add_permits(1);
    }

    pub(crate) async fn pass(&self) {
        self.0.0.add_permits(1);
        self.0.1.acquire().await.expect("it is never closed").forget();
    }
}
