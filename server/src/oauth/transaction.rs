//! A transaction that decides about a request and its DPoP proof.

use std::sync::Arc;

use super::proof::Presented;
use super::provider::Provider;
use moorline_server_store::{Actor, StoreError, Tx};

/// Decides about a request, in a transaction that writes.
pub(super) trait Transaction: Send + Sync + 'static {
    type Outcome: Send + 'static;

    /// The proof that came with the request.
    fn proof(&self) -> &Presented;

    fn run(&self, tx: &mut dyn Tx) -> Result<Self::Outcome, StoreError>;
}

/// Runs the transaction. If it has to know something of the proof that takes a round trip, it is undone and runs again
/// with the answer. So no transaction, and on SQLite no other request, waits for the memory of used proofs.
pub(super) async fn write<T: Transaction>(
    provider: &Provider,
    actor: &Actor,
    transaction: T,
) -> Result<T::Outcome, StoreError> {
    // Shared by all runs: the proof is marked as used once.
    let transaction = Arc::new(transaction);
    loop {
        let this = Arc::clone(&transaction);
        let run = move |tx: &mut dyn Tx| {
            let outcome = this.run(tx)?;
            if this.proof().asks() { Err(Undone::Asks) } else { Ok(outcome) }
        };
        match provider.store.write(actor, run).await {
            Ok(outcome) => return Ok(outcome),
            Err(Undone::Failed(error)) => return Err(error),
            Err(Undone::Asks) => transaction.proof().ask(&provider.dpop).await,
        }
    }
}

/// Why a transaction was undone.
enum Undone {
    Failed(StoreError),
    /// It left a question.
    Asks,
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}
