//! Passwords: Argon2id, off the async threads, with a limit on how many are hashed at once.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use serde::{Deserialize, Deserializer};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use moorline_server_base::config;
use moorline_server_base::random::Random;

/// A password as somebody typed it: never printed, wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The longest password that is hashed, in bytes; a longer one is never anybody's.
    pub const LONGEST: usize = 1024;

    /// A password of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The password itself: for the summary of a development server, whose users are not real.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    argon2: Argon2<'static>,
    /// The password of an unknown user is checked against this hash, so that it takes as long.
    dummy: String,
    /// Each hash takes 19 MiB and a core: further ones wait.
    slots: Arc<Semaphore>,
    random: Random,
}

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashError;

impl Passwords {
    /// Hashing of the configured cost. Takes as long as one hash.
    pub fn new(settings: &config::Passwords, random: Random) -> Self {
        let params = Params::new(settings.memory_kib, settings.iterations, settings.parallelism, None)
            .expect("validation allows only what Argon2 takes");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, &random.bytes::<32>(), &random.bytes()).expect("32 bytes can be hashed");
        let slots = Arc::new(Semaphore::new(settings.concurrent));
        Self(Arc::new(Inner { argon2, dummy, slots, random }))
    }

    /// The hash of a new password, in PHC form, for the store.
    ///
    /// # Errors
    /// [`HashError`] when the password is longer than [`Password::LONGEST`] or memory ran out.
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        if password.0.len() > Password::LONGEST {
            return Err(HashError);
        }
        self.blocking(move |inner| hash(&inner.argon2, password.0.as_bytes(), &inner.random.bytes())).await?
    }

    /// Whether this is the password of that hash. `None` is an unknown user, or one without a password: it is
    /// never right, and takes as long.
    pub async fn verify(&self, password: Password, stored: Option<String>) -> bool {
        self.blocking(move |inner| {
            let known = stored.is_some() && password.0.len() <= Password::LONGEST;
            let against = stored.filter(|_| known).unwrap_or_else(|| inner.dummy.clone());
            // The cost is part of the hash, so a hash of earlier settings can still be checked.
            let right = PasswordHash::new(&against)
                .is_ok_and(|parsed| inner.argon2.verify_password(password.0.as_bytes(), &parsed).is_ok());
            right && known
        })
        .await
        .unwrap_or(false)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let slot = Arc::clone(&self.0.slots).acquire_owned().await.map_err(|_| HashError)?;
        let inner = Arc::clone(&self.0);
        // The slot goes into the task: a caller that gives up does not free it before the work is done.
        let task = tokio::task::spawn_blocking(move || {
            let done = work(&inner);
            drop(slot);
            done
        });
        task.await.map_err(|_| HashError)
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8], salt: &[u8; 16]) -> Result<String, HashError> {
    let hash: PasswordHash = argon2.hash_password_with_salt(password, salt).map_err(|_| HashError)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(&config::Passwords::default(), Random::system())
    }

    #[tokio::test]
    async fn a_password_is_right_only_for_its_own_hash() {
        let passwords = passwords();
        let stored = passwords.hash(Password::new("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify(Password::new("correct horse"), Some(stored.clone())).await);
        assert!(!passwords.verify(Password::new("Correct horse"), Some(stored.clone())).await);
        assert!(!passwords.verify(Password::new(""), Some(stored)).await);
    }

    #[tokio::test]
    async fn an_unknown_user_and_a_damaged_hash_are_never_right() {
        let passwords = passwords();
        assert!(!passwords.verify(Password::new("x"), None).await);
        assert!(!passwords.verify(Password::new("x"), Some("not a hash".to_owned())).await);
        let long = "x".repeat(Password::LONGEST + 1);
        assert!(passwords.hash(Password::new(long)).await.is_err());
    }

    #[test]
    fn a_password_never_prints() {
        assert_eq!(format!("{:?}", Password::new("hunter2")), "[redacted]");
    }
}
