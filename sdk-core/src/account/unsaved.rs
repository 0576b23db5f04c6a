//! Answers that came and could not be put into the vault yet.

use std::sync::{Arc, Mutex, PoisonError};

use super::{issued::Issued, store::AccountStore};
use crate::{error::Error, secret::Secret, wiped::WipedBytes};

/// Answers that came and could not be put into the vault yet.
#[derive(Debug)]
pub(super) struct Unsaved {
    store: Arc<AccountStore>,
    /// The answer that could not be saved beside the vault either.
    memory: Mutex<Option<Arc<Issued>>>,
}

impl Unsaved {
    pub(super) fn new(store: Arc<AccountStore>) -> Self {
        Self { store, memory: Mutex::default() }
    }

    /// Keeps an answer: nobody else has these tokens. Without an attempt it is saved beside the vault, where the next
    /// holder of the lease finds it. (A provider that knows attempts would send it again.) If that fails, it stays in
    /// memory.
    pub(super) async fn keep(&self, issued: Arc<Issued>) {
        if let Some((sent, answer)) = to_save(&issued) {
            match self.store.save_answer(&sent, answer).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(%error, "a new token came and cannot be stored; it is in memory only")
                }
            }
        }
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Some(issued);
    }

    /// Takes the answer that is only in memory.
    pub(super) fn take(&self) -> Option<Arc<Issued>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The answer to `sent`, a token of the vault, that was saved beside it.
    pub(super) async fn saved(&self, sent: &Secret) -> Result<Option<Arc<Issued>>, Error> {
        let opened = self.store.saved_answer(sent).await?;
        let issued = opened.and_then(|opened| serde_json::from_slice::<Issued>(&opened.contents).ok());
        Ok(issued.filter(|issued| issued.sent == *sent).map(Arc::new))
    }

    /// Removes the answer to `sent` that was saved: it is settled.
    pub(super) async fn settled(&self, sent: &Secret) {
        if let Err(error) = self.store.remove_answer(sent).await {
            tracing::info!(%error, "a saved answer that is settled stays in the folder");
        }
    }
}

/// What to save of an answer beside the vault, and the token that it answers. `None` if the provider would send it
/// again.
pub(super) fn to_save(issued: &Issued) -> Option<(Secret, WipedBytes)> {
    if issued.with_attempt {
        return None;
    }
    let mut answer = WipedBytes::default();
    serde_json::to_writer(&mut answer, issued).expect("the answer is JSON");
    Some((issued.sent.clone(), answer))
}
