//! The provider's documents: in memory, or with the session in the vault.

use std::sync::Arc;

use super::store::AccountStore;
use crate::{
    error::Error,
    provider::{Metadata, Provider},
    vault::Account,
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
