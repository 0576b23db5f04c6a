//! The platform's own key store, through `keyring-core` and the store crate of each system.

use std::{mem::ManuallyDrop, sync::Arc, thread};

use keyring_core::{CredentialStore, Entry, Error};

use super::{
    KEY_STORE_LIMIT,
    bounded::within,
    bounded_key_store::KEYS,
    key_store::{KeyStore, KeyStoreError, SecretKey},
};

/// The platform's own: Secret Service on Linux, the Keychain on macOS and iOS, the Credential Manager on Windows. There
/// is none on Android, where the app brings a key store over the Android Keystore.
#[derive(Debug, Clone)]
pub struct PlatformKeyStore {
    service: String,
    store: Arc<DroppedElsewhere<Arc<CredentialStore>>>,
}

impl PlatformKeyStore {
    /// The platform's key store; `service` names the app in it. Waits ten seconds at most.
    ///
    /// # Errors
    /// [`KeyStoreError::Unavailable`] on a machine that has no key store, or where none is running; there is no
    /// fallback. [`KeyStoreError::TimedOut`] if it does not answer.
    pub fn open(service: &str) -> Result<Self, KeyStoreError> {
        Self::open_with(service, None)
    }

    /// The same, with the keys in a Keychain access group, which an app shares with its extensions and with other apps
    /// of its team: `TEAMID.com.example.shared`. The app needs the entitlement. Only iOS has such groups: elsewhere the
    /// name is not used.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_in_access_group(service: &str, access_group: &str) -> Result<Self, KeyStoreError> {
        Self::open_with(service, Some(access_group.to_owned()))
    }

    fn open_with(service: &str, access_group: Option<String>) -> Result<Self, KeyStoreError> {
        let store = within(KEY_STORE_LIMIT, KEYS, move || {
            // Where nobody waits any more, it has to go as carefully as later.
            open_store(access_group.as_deref()).map(DroppedElsewhere::new)
        })?;
        Ok(Self { service: service.to_owned(), store: Arc::new(store) })
    }

    fn entry(&self, key_id: &str) -> Result<Entry, KeyStoreError> {
        let modifiers = MODIFIERS.iter().copied().collect();
        self.store
            .get()
            .build(&self.service, key_id, Some(&modifiers))
            .map_err(|error| key_store_error(&error))
    }
}

/// Drops what it holds on a thread of its own: the Secret Service client blocks on a runtime when it goes, and panics
/// where that happens on a thread of another runtime, as it would in any app that is asynchronous.
#[derive(Debug)]
struct DroppedElsewhere<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> DroppedElsewhere<T> {
    const fn new(held: T) -> Self {
        Self(Some(held))
    }

    fn get(&self) -> &T {
        self.0.as_ref().expect("only `drop` takes it out")
    }
}

impl<T: Send + 'static> Drop for DroppedElsewhere<T> {
    fn drop(&mut self) {
        // Where there is no thread to be had, it is leaked rather than dropped here.
        let held = self.0.take().map(ManuallyDrop::new);
        let _ = thread::Builder::new().spawn(move || drop(held.map(ManuallyDrop::into_inner)));
    }
}

impl KeyStore for PlatformKeyStore {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        match self.entry(key_id)?.get_secret() {
            Ok(bytes) => SecretKey::from_stored(bytes).map(Some),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(key_store_error(&error)),
        }
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        self.entry(key_id)?.set_secret(key.expose()).map_err(|error| key_store_error(&error))
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        match self.entry(key_id)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(key_store_error(&error)),
        }
    }
}

/// A phone in a pocket is locked, and its session has to be refreshed all the same; but a key that came along in a
/// backup to another device would make two owners of one session.
#[cfg(target_os = "ios")]
const MODIFIERS: [(&str, &str); 1] = [("access-policy", "after-first-unlock-this-device-only")];
/// Nor may it roam to another machine of a Windows domain: the store's default is to let it.
#[cfg(target_os = "windows")]
const MODIFIERS: [(&str, &str); 1] = [("persistence", "Local")];
#[cfg(not(any(target_os = "ios", target_os = "windows")))]
const MODIFIERS: [(&str, &str); 0] = [];

/// Never the error's own `Debug`: some of keyring's variants carry the entry's bytes.
fn key_store_error(error: &Error) -> KeyStoreError {
    match error {
        Error::NoStorageAccess(_) => KeyStoreError::Locked,
        Error::PlatformFailure(cause) if says_locked(&cause.to_string()) => KeyStoreError::Locked,
        Error::PlatformFailure(cause) => KeyStoreError::Failed(cause.to_string()),
        Error::NoDefaultStore => KeyStoreError::Unavailable("no store is set".into()),
        Error::NotSupportedByStore(why) => KeyStoreError::Unavailable(why.clone()),
        // Also Android's after a restored backup: the entry came back, and the Keystore key that protects it did not.
        Error::BadEncoding(_) | Error::BadDataFormat(..) => {
            KeyStoreError::Damaged("it is malformed, or the key that protects it is gone".into())
        }
        Error::BadStoreFormat(why) => KeyStoreError::Damaged(why.clone()),
        Error::Ambiguous(entries) => {
            KeyStoreError::Damaged(format!("{} entries have this name", entries.len()))
        }
        other => KeyStoreError::Failed(other.to_string()),
    }
}

/// Secret Service's `IsLocked`, and Security.framework's "User interaction is not allowed"
/// (errSecInteractionNotAllowed): what a locked device says where the store crate has no error of its own for it.
fn says_locked(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("islocked") || text.contains("is locked") || text.contains("interaction is not allowed")
}

#[cfg(target_os = "linux")]
fn open_store(_: Option<&str>) -> Result<Arc<CredentialStore>, KeyStoreError> {
    match zbus_secret_service_keyring_store::Store::new() {
        Ok(store) => Ok(store),
        Err(error) => {
            Err(KeyStoreError::Unavailable(format!("no Secret Service answers on the session bus ({error})")))
        }
    }
}

#[cfg(target_os = "macos")]
fn open_store(_: Option<&str>) -> Result<Arc<CredentialStore>, KeyStoreError> {
    match apple_native_keyring_store::keychain::Store::new() {
        Ok(store) => Ok(store),
        Err(error) => Err(KeyStoreError::Unavailable(error.to_string())),
    }
}

#[cfg(target_os = "ios")]
fn open_store(access_group: Option<&str>) -> Result<Arc<CredentialStore>, KeyStoreError> {
    let group = access_group.map(|group| ("access-group", group));
    match apple_native_keyring_store::protected::Store::new_with_configuration(&group.into_iter().collect()) {
        Ok(store) => Ok(store),
        Err(error) => Err(KeyStoreError::Unavailable(error.to_string())),
    }
}

#[cfg(target_os = "windows")]
fn open_store(_: Option<&str>) -> Result<Arc<CredentialStore>, KeyStoreError> {
    match windows_native_keyring_store::Store::new() {
        Ok(store) => Ok(store),
        Err(error) => Err(KeyStoreError::Unavailable(error.to_string())),
    }
}

/// Kotlin has the Keystore without initialisation, and its key store is an app's own: see `moorline-android`.
#[cfg(target_os = "android")]
fn open_store(_: Option<&str>) -> Result<Arc<CredentialStore>, KeyStoreError> {
    Err(KeyStoreError::Unavailable(
        "on Android the app brings it: AndroidKeyStore of moorline-android".into(),
    ))
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "macos",
    target_os = "ios",
    target_os = "windows",
    target_os = "android"
)))]
fn open_store(_: Option<&str>) -> Result<Arc<CredentialStore>, KeyStoreError> {
    Err(KeyStoreError::Unavailable("there is none for this system".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With keyring's own mock in the platform's place: the mapping is ours, the rest isn't.
    fn mocked() -> PlatformKeyStore {
        let store: Arc<CredentialStore> = keyring_core::mock::Store::new().unwrap();
        PlatformKeyStore { service: "moorline-test".into(), store: Arc::new(DroppedElsewhere::new(store)) }
    }

    #[test]
    fn a_key_comes_back_as_it_was_kept_and_is_gone_when_deleted() {
        let store = mocked();
        assert!(store.load("k1").unwrap().is_none());
        store.store("k1", &SecretKey::from_bytes([7; 32])).unwrap();
        assert_eq!(store.load("k1").unwrap().unwrap().expose(), &[7; 32]);
        store.delete("k1").unwrap();
        store.delete("k1").unwrap();
        assert!(store.load("k1").unwrap().is_none());
    }

    #[test]
    fn the_store_is_dropped_on_no_thread_of_a_runtime() {
        struct Told(std::sync::mpsc::Sender<thread::ThreadId>);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.send(thread::current().id()).unwrap();
            }
        }
        let (sender, receiver) = std::sync::mpsc::channel();
        drop(DroppedElsewhere::new(Told(sender)));
        assert_ne!(receiver.recv().unwrap(), thread::current().id());
    }

    #[test]
    fn a_locked_store_is_locked_and_not_empty() {
        assert_eq!(
            key_store_error(&Error::NoStorageAccess("the login keyring is closed".into())),
            KeyStoreError::Locked
        );
        assert_eq!(
            key_store_error(&Error::PlatformFailure("User interaction is not allowed.".into())),
            KeyStoreError::Locked
        );
        assert!(matches!(
            key_store_error(&Error::PlatformFailure("broken".into())),
            KeyStoreError::Failed(_)
        ));
    }

    #[test]
    fn an_entry_that_cannot_be_read_any_more_is_damaged_and_not_a_passing_failure() {
        for error in [
            Error::BadEncoding(vec![1]),
            Error::BadDataFormat(vec![1], "DecryptionFailure".into()),
            Error::BadStoreFormat("Encryption key not found".into()),
            Error::Ambiguous(vec![]),
        ] {
            assert!(matches!(key_store_error(&error), KeyStoreError::Damaged(_)), "{error}");
        }
        let store = mocked();
        store.entry("k1").unwrap().set_secret(&[1; 31]).unwrap();
        assert!(matches!(store.load("k1"), Err(KeyStoreError::Damaged(_))));
    }

    #[test]
    fn no_error_shows_the_bytes_of_an_entry() {
        let error = key_store_error(&Error::BadDataFormat(vec![0x61; 32], "odd".into()));
        assert!(!format!("{error:?} {error}").contains("97"));
    }
}
