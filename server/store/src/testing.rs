//! What tests need of the store, here and in the crates above it.

#![expect(clippy::unwrap_used, reason = "only tests are built with it")]

use std::sync::mpsc;

use super::{Actor, Store, StoreError};

const TEST: Actor = Actor::System("test");

/// Holds the writer until the sender is used, so that what is sent meanwhile comes into one group.
pub async fn hold(store: &Store) -> mpsc::Sender<()> {
    let (release, wait) = mpsc::channel();
    let (running, runs) = tokio::sync::oneshot::channel();
    let store = store.clone();
    tokio::spawn(async move {
        let held = store.write(&TEST, move |_| {
            running.send(()).unwrap();
            let _ = wait.recv();
            Ok::<_, StoreError>(())
        });
        // It shares the fate of its group.
        let _ = held.await;
    });
    runs.await.unwrap();
    release
}

/// Starts the writes, gives them the time of a few polls to be queued, and lets the writer go.
pub async fn started_then_released<F: Future>(writes: F, release: mpsc::Sender<()>) -> F::Output {
    let go = async {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
    };
    tokio::join!(writes, go).0
}
