//! The access token in memory, for libraries that keep a copy of it: a token that crosses at each call costs Kotlin a
//! hundred microseconds, a number three.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        LazyLock, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::AccessToken;

/// An access token, and what tells it from every other one of this process.
#[derive(Clone, uniffi::Record)]
pub struct HeldAccessToken {
    /// The token.
    pub token: AccessToken,
    /// Its number.
    pub serial: u64,
}

/// The remaining lifetime in milliseconds of the token with this number, if it is the one that `held_access_token` of
/// the client with this `id` would return now; [`i64::MAX`] if the provider sent no `expires_in`, and a negative number
/// if it is not that token.
///
/// A function, since a call of an object makes another call first, to keep the object.
#[uniffi::export]
pub fn held_token_lifetime_ms(client: u64, min_validity_ms: u64, serial: u64) -> i64 {
    let found = clients().read().unwrap_or_else(PoisonError::into_inner).get(&client).and_then(Weak::upgrade);
    match found.and_then(|client| client.held(min_validity_ms)).filter(|held| held.serial() == serial) {
        None => -1,
        Some(held) => {
            held.expires_in().map_or(i64::MAX, |left| i64::try_from(left.as_millis()).unwrap_or(i64::MAX))
        }
    }
}

/// What has an access token in memory.
pub(crate) trait Holder: fmt::Debug + Send + Sync {
    /// The one that lasts so long.
    fn held(&self, min_validity_ms: u64) -> Option<moorline::AccessToken>;
}

/// A client's entry in the list of those that are alive.
#[derive(Debug)]
pub(crate) struct Entry(u64);

impl Entry {
    /// The first number is 1, so that 0 is never a client's.
    pub(crate) fn of(client: Weak<dyn Holder>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        clients().write().unwrap_or_else(PoisonError::into_inner).insert(id, client);
        Self(id)
    }

    pub(crate) const fn id(&self) -> u64 {
        self.0
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        clients().write().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

type Clients = RwLock<HashMap<u64, Weak<dyn Holder>>>;

fn clients() -> &'static Clients {
    static CLIENTS: LazyLock<Clients> = LazyLock::new(RwLock::default);
    &CLIENTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_does_not_exist_holds_no_token() {
        assert!(held_token_lifetime_ms(0, 0, 0) < 0);
        assert!(held_token_lifetime_ms(u64::MAX, u64::MAX, u64::MAX) < 0);
    }
}
