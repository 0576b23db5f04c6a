//! The provider's documents: in memory, or with the session in the vault.

use std::sync::Arc;

use super::store::AccountStore;
use crate::{
    error::Error,
    provider::{Metadata, Provider},
    vault::{Account, Change, WhenLost},
};

/// The provider's metadata. A process that has none yet takes it from the vault, so that a refresh needs no answer
/// but the token endpoint's.
pub(crate) async fn metadata(store: &AccountStore, provider: &Provider) -> Result<Arc<Metadata>, Error> {
    if !provider.is_known() {
        let stored = store.read(|account| account.and_then(|account| account.provider.clone()));
        // The next use of the vault reports it.
        if let Ok(Some(stored)) = stored.await {
            provider.adopt(&stored);
        }
    }
    provider.metadata().await
}

/// Stores the provider's documents with an account that is being written, if that is worth it.
pub(crate) fn keep(provider: &Provider, account: &mut Account) {
    if let Some(stored) = provider.to_store()
        && stored.replaces(account.provider.as_ref())
    {
        account.provider = Some(stored);
    }
}

/// Stores how long the provider asked to wait: the next process sends no refresh before that, either.
pub(crate) async fn keep_wait(store: &AccountStore, provider: &Arc<Provider>) {
    let provider = provider.clone();
    let kept = store.update(WhenLost::Fail, move |account| match provider.to_store() {
        Some(stored) if stored.replaces(account.provider.as_ref()) => {
            account.provider = Some(stored);
            Change::Write(())
        }
        _ => Change::Keep(()),
    });
    // This process remembers it in any case.
    if let Err(error) = kept.await {
        tracing::info!(%error, "how long to wait could not be stored");
    }
}
