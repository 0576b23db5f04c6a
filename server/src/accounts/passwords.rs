//! Passwords: prepared by `OpaqueString` (RFC 8265 §4.2) and hashed by Argon2id, off the async threads, with a limit on
//! how many are hashed at once.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use rayon::ThreadPool;
use serde::{Deserialize, Deserializer};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::costs::cost_of;
use moorline_server_base::config;
use moorline_server_base::random::Random;

/// A password as somebody typed it: never printed, wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The longest password that is hashed, in bytes of its prepared form; a longer one is never anybody's.
    pub const LONGEST: usize = 1024;

    /// A password of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The form in which a password is hashed: however a keyboard composes `é`, and whichever space it types, the
    /// password is the same.
    ///
    /// # Errors
    /// [`HashError`] when no password has such a form.
    pub fn prepared(&self) -> Result<Self, HashError> {
        // A longer text has no shorter form that is worth the work.
        if self.0.len() > 4 * Self::LONGEST {
            return Err(HashError::TooLong);
        }
        let prepared = OpaqueString::enforce(self.0.as_str()).map_err(|_| HashError::NotAllowed)?;
        if prepared.len() > Self::LONGEST {
            return Err(HashError::TooLong);
        }
        Ok(Self::new(prepared))
    }

    /// What to check against a stored hash: the prepared form, and for hashes from before it the text as it was typed.
    /// How many there are depends on the text alone, never on the account.
    fn forms(&self) -> Vec<Self> {
        let typed = (self.0.len() <= Self::LONGEST).then(|| self.clone());
        let prepared = self.prepared().ok();
        let is_new = |typed: &Self| prepared.as_ref().is_none_or(|prepared| prepared.0 != typed.0);
        let typed = typed.filter(is_new);
        prepared.into_iter().chain(typed).collect()
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
pub struct Passwords {
    inner: Arc<Inner>,
    threads: Arc<ThreadPool>,
}

struct Inner {
    argon2: Argon2<'static>,
    /// A hash of nobody's password, of the configured cost.
    dummy: String,
    random: Random,
}

/// A password could not be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It is longer than [`Password::LONGEST`].
    #[error("the password is too long: it may have {} bytes", Password::LONGEST)]
    TooLong,
    /// It is empty, or one of its characters is not allowed in a password (RFC 8265 §4.2).
    #[error(
        "the password is empty, or has a character that is not allowed in passwords: a control character such as a \
         tab, an invisible one, or one that is newer than Unicode 6.3"
    )]
    NotAllowed,
    /// Memory ran out, or the server is stopping.
    #[error("the password could not be hashed")]
    Failed,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the password.
    Wrong,
    /// It is the password.
    Right {
        /// A hash to store in place of the one that was checked, if that has another cost than the settings say, or is
        /// of the password as it was typed.
        upgrade: Option<String>,
    },
}

impl Verdict {
    /// Whether it is the password.
    pub const fn is_right(&self) -> bool {
        matches!(self, Self::Right { .. })
    }
}

impl Passwords {
    /// Hashing of the configured cost. Takes as long as one hash.
    pub fn new(settings: &config::Passwords, random: Random) -> Self {
        let params = Params::new(settings.memory_kib, settings.iterations, settings.parallelism, None)
            .expect("validation allows only what Argon2 takes");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, &random.bytes::<32>(), &random.bytes()).expect("32 bytes can be hashed");
        let threads = Arc::new(hashing_threads(settings.concurrent));
        Self { inner: Arc::new(Inner { argon2, dummy, random }), threads }
    }

    /// The hash of a new password, in PHC form, for the store.
    ///
    /// # Errors
    /// [`HashError`] when the password is too long or not allowed, or memory ran out.
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        let prepared = password.prepared()?;
        self.blocking(move |inner| inner.hash(&prepared)).await?
    }

    /// Whether this is the password of that hash. `None` is an unknown user, or one without a password: it is never
    /// right, and takes as long. For that each attempt computes a hash of every cost in `costs` (see [`super::costs`]),
    /// whichever of them the account has.
    pub async fn verify(&self, password: Password, stored: Option<String>, costs: Vec<String>) -> Verdict {
        self.blocking(move |inner| inner.verify(&password, stored, costs)).await.unwrap_or(Verdict::Wrong)
    }

    /// The cost of new hashes, in the form of [`super::costs`].
    pub fn cost(&self) -> &str {
        self.inner.cost()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, answer) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        self.threads.spawn(move || {
            // A caller that gave up while it waited costs nothing.
            if !reply.is_closed() {
                let _ = reply.send(work(&inner));
            }
        });
        answer.await.map_err(|_| HashError::Failed)
    }
}

/// The threads that hash: each hash takes 19 MiB and a core, further ones wait. Other requests go first, so that a
/// flood of sign-ins does not slow the refreshes of those who are signed in.
fn hashing_threads(count: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|index| format!("passwords-{index}"))
        .start_handler(|_| yield_to_others())
        // The panic hook has logged it, and the caller's channel is closed.
        .panic_handler(drop)
        .build()
        .expect("the system gives threads to a server that starts")
}

/// Lowers the priority of this thread.
#[cfg(target_os = "linux")]
fn yield_to_others() {
    // About a tenth of a core, where others want all of it.
    const NICE: i32 = 10;
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::warn!(%error, "passwords are hashed at the priority of every other request");
    }
}

/// Other systems have no priority of a single thread that any program may set.
#[cfg(not(target_os = "linux"))]
const fn yield_to_others() {}

/// One hash to compute and compare.
struct Check {
    form: Password,
    hash: String,
    /// Whether the hash is the account's. Otherwise it is nobody's, and takes as long.
    is_own: bool,
}

impl Inner {
    fn cost(&self) -> &str {
        cost_of(&self.dummy).unwrap_or_default()
    }

    fn hash(&self, password: &Password) -> Result<String, HashError> {
        hash(&self.argon2, password.0.as_bytes(), &self.random.bytes())
    }

    fn verify(&self, password: &Password, stored: Option<String>, costs: Vec<String>) -> Verdict {
        let checks = self.checks(password, stored, costs);
        let right = checks.iter().find(|check| self.matches(check) && check.is_own);
        right.map_or(Verdict::Wrong, |check| self.right(password, check))
    }

    /// What an attempt computes, in order. Cost and password of each depend on the password and on `costs` alone, as
    /// long as `costs` has that of the stored hash: only the password's owner sees the time of less.
    fn checks(&self, password: &Password, stored: Option<String>, mut costs: Vec<String>) -> Vec<Check> {
        let mut forms = password.forms();
        let mut stored = stored.filter(|stored| PasswordHash::new(stored).is_ok());
        if forms.is_empty() {
            // Too long for a password, and takes as long as one.
            (forms, stored) = (vec![Password::new("")], None);
        }
        let cost = stored.as_deref().and_then(cost_of);
        costs.extend([self.cost().to_owned()].into_iter().chain(cost.map(str::to_owned)));
        costs.sort_unstable();
        costs.dedup();
        let nobodys = self.dummy.strip_prefix(self.cost()).unwrap_or_default();
        let mut checks = Vec::new();
        for each in &costs {
            let own = stored.as_ref().filter(|_| cost == Some(each.as_str()));
            let hash = own.map_or_else(|| format!("{each}{nobodys}"), Clone::clone);
            let is_own = own.is_some();
            checks.extend(forms.iter().map(|form| Check { form: form.clone(), hash: hash.clone(), is_own }));
        }
        checks
    }

    fn matches(&self, check: &Check) -> bool {
        // The cost is part of the hash, so one of earlier settings can still be checked.
        PasswordHash::new(&check.hash)
            .is_ok_and(|parsed| self.argon2.verify_password(check.form.0.as_bytes(), &parsed).is_ok())
    }

    fn right(&self, password: &Password, check: &Check) -> Verdict {
        let best = password.prepared().unwrap_or_else(|_| check.form.clone());
        let is_current = cost_of(&check.hash) == Some(self.cost()) && best.0 == check.form.0;
        // A hash that can't be made now is made at the next sign-in.
        let upgrade = if is_current { None } else { self.hash(&best).ok() };
        Verdict::Right { upgrade }
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8], salt: &[u8; 16]) -> Result<String, HashError> {
    let hash: PasswordHash = argon2.hash_password_with_salt(password, salt).map_err(|_| HashError::Failed)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(&config::Passwords::default(), Random::system())
    }

    const COMPOSED: &str = "caf\u{e9} cr\u{e8}me";
    const DECOMPOSED: &str = "cafe\u{301} cre\u{300}me";

    async fn check(passwords: &Passwords, password: &str, stored: &str) -> Verdict {
        passwords.verify(Password::new(password), Some(stored.to_owned()), Vec::new()).await
    }

    const CURRENT: Verdict = Verdict::Right { upgrade: None };

    #[tokio::test]
    async fn a_password_is_right_only_for_its_own_hash() {
        let passwords = passwords();
        let stored = passwords.hash(Password::new("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(check(&passwords, "correct horse", &stored).await, CURRENT);
        assert_eq!(check(&passwords, "Correct horse", &stored).await, Verdict::Wrong);
        assert_eq!(check(&passwords, "", &stored).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn an_unknown_user_and_a_damaged_hash_are_never_right() {
        let passwords = passwords();
        let verify = async |stored: Option<&str>| {
            passwords.verify(Password::new("x"), stored.map(str::to_owned), Vec::new()).await
        };
        for stored in [None, Some(""), Some("not a hash"), Some("$argon2id$v=19$m=19456,t=2,p=1$AAAA")] {
            assert_eq!(verify(stored).await, Verdict::Wrong);
        }
    }

    #[tokio::test]
    async fn a_password_is_the_same_however_its_accents_and_spaces_are_typed() {
        let passwords = passwords();
        for (set, typed) in [
            (COMPOSED, DECOMPOSED),
            (DECOMPOSED, COMPOSED),
            ("correct horse", "correct\u{a0}horse"),
            ("correct\u{3000}horse", "correct horse"),
        ] {
            let stored = passwords.hash(Password::new(set)).await.unwrap();
            assert_eq!(check(&passwords, typed, &stored).await, CURRENT, "{typed:?}");
            assert_eq!(check(&passwords, set, &stored).await, CURRENT, "{set:?}");
        }
        // Case and width count in a password (RFC 8265 §4.2.2).
        let stored = passwords.hash(Password::new("\u{ff21}da und Bob")).await.unwrap();
        assert_eq!(check(&passwords, "Ada und Bob", &stored).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_of_a_password_as_it_was_typed_is_still_right_and_is_upgraded() {
        let passwords = passwords();
        let raw = |text: &str| passwords.inner.hash(&Password::new(text)).unwrap();
        let stored = raw(DECOMPOSED);
        let Verdict::Right { upgrade: Some(upgrade) } = check(&passwords, DECOMPOSED, &stored).await else {
            panic!("it is the password, and its hash is an old one")
        };
        assert_eq!(check(&passwords, COMPOSED, &upgrade).await, CURRENT);
        assert_eq!(check(&passwords, DECOMPOSED, &upgrade).await, CURRENT);
        assert_eq!(check(&passwords, COMPOSED, &stored).await, Verdict::Wrong);
        // A password that could not be set any more stays its user's.
        let stored = raw("tab\there \u{200b}");
        assert_eq!(check(&passwords, "tab\there \u{200b}", &stored).await, CURRENT);
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_upgraded_to_the_configured_one() {
        let dearer = config::Passwords { iterations: 3, ..config::Passwords::default() };
        let (old, new) = (passwords(), Passwords::new(&dearer, Random::system()));
        let stored = old.hash(Password::new("correct horse")).await.unwrap();
        assert_eq!(check(&new, "wrong horse", &stored).await, Verdict::Wrong);
        let Verdict::Right { upgrade: Some(upgrade) } = check(&new, "correct horse", &stored).await else {
            panic!("it is the password, and its hash is a cheap one")
        };
        assert_eq!(cost_of(&upgrade), Some(new.cost()));
        assert_eq!(check(&new, "correct horse", &upgrade).await, CURRENT);
    }

    #[test]
    fn each_attempt_computes_the_same_hashes_whatever_the_account_has() {
        let inner = &passwords().inner;
        let costs = ["$argon2id$v=19$m=19456,t=2,p=1", "$argon2id$v=19$m=19456,t=3,p=1"].map(str::to_owned);
        let hash = |iterations| {
            let params = Params::new(19_456, iterations, 1, None).unwrap();
            hash(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params), b"secret", &[1; 16]).unwrap()
        };
        let work = |password: &str, stored: Option<String>| -> Vec<_> {
            let checks = inner.checks(&Password::new(password), stored, costs.to_vec());
            checks
                .iter()
                .map(|check| (check.form.0.clone(), cost_of(&check.hash).unwrap().to_owned()))
                .collect()
        };
        let too_long = "x".repeat(Password::LONGEST + 1);
        for (password, hashes) in [("wrong", 2), (DECOMPOSED, 4), (too_long.as_str(), 2), ("", 2)] {
            let unknown = work(password, None);
            assert_eq!(unknown.len(), hashes, "{password:?}");
            assert_eq!(work(password, Some(hash(2))), unknown);
            assert_eq!(work(password, Some(hash(3))), unknown);
            assert_eq!(work(password, Some("damaged".to_owned())), unknown);
            // Nobody's hash is in the form of one: it is computed, and not refused unread.
            let nobodys = inner.checks(&Password::new(password), None, costs.to_vec());
            assert!(nobodys.iter().all(|check| PasswordHash::new(&check.hash).is_ok() && !check.is_own));
        }
    }

    #[tokio::test]
    async fn a_password_is_measured_in_the_form_that_is_hashed() {
        let passwords = passwords();
        let hash = async |text: String| passwords.hash(Password::new(text)).await.map(drop);
        assert_eq!(hash("x".repeat(Password::LONGEST)).await, Ok(()));
        assert_eq!(hash("x".repeat(Password::LONGEST + 1)).await, Err(HashError::TooLong));
        // 512 times 3 bytes as they are typed, and 2 as they are hashed.
        assert_eq!(hash("e\u{301}".repeat(512)).await, Ok(()));
        assert_eq!(hash("e\u{301}".repeat(513)).await, Err(HashError::TooLong));
        for text in ["", "tab\there", "zero\u{200b}width", "mark\u{feff}", "turn\u{202e}ed"] {
            assert_eq!(hash(text.to_owned()).await, Err(HashError::NotAllowed), "{text:?}");
        }
    }

    #[test]
    fn a_password_never_prints() {
        assert_eq!(format!("{:?}", Password::new("hunter2")), "[redacted]");
    }
}
