//! The machine that a session runs on, with what the app brings.

use std::sync::Arc;

use moorline::{
    Error, InsecureFileKeyStore, KeyStore, KeyStoreError, Platform, PlatformKeyStore,
    StorageUnavailableReason,
};

use crate::{
    AppCriticalSections, AppKeyStore, AppProxySelector, AppSigner, AppTrust,
    critical_sections::ForeignCriticalSections, key_store::ForeignKeyStore,
    proxy_selector::ForeignProxySelector, signer::ForeignSigner, trust::ForeignTrust,
};

/// The machine: a folder for the vault, a key store for its key, and the app's own parts. Mirrors
/// [`moorline::Platform`].
#[expect(missing_debug_implementations, reason = "the parts of the app have none")]
#[derive(uniffi::Record)]
pub struct ClientPlatform {
    /// The folder of the vault.
    pub vault_directory: String,
    /// Where the vault's key is.
    pub keys: KeyLocation,
    /// Keeps the system from suspending the app.
    pub critical_sections: Option<Arc<dyn AppCriticalSections>>,
    /// Hardware that holds the keys which tokens are bound to.
    pub signer: Option<Arc<dyn AppSigner>>,
    /// Decides about servers' certificates instead of the roots.
    pub trust: Option<Arc<dyn AppTrust>>,
    /// Chooses the proxy of a request instead of the environment's variables.
    pub proxy_selector: Option<Arc<dyn AppProxySelector>>,
}

/// Where the key of a vault is.
#[expect(missing_debug_implementations, reason = "as above")]
#[derive(uniffi::Enum)]
pub enum KeyLocation {
    /// In a key store that the app brings.
    OfApp {
        /// It.
        key_store: Arc<dyn AppKeyStore>,
    },
    /// In the platform's own key store.
    OfPlatform {
        /// The name under which the key is stored there.
        service: String,
        /// On iOS, the Keychain's access group.
        access_group: Option<String>,
    },
    /// In plain files of a folder: whoever can read it can read the vault. For development and tests on a machine
    /// without a key store.
    InFiles {
        /// The folder.
        directory: String,
    },
}

impl ClientPlatform {
    /// # Errors
    /// [`StorageUnavailable`](Error::StorageUnavailable) on a machine that has no key store.
    pub(crate) fn build(self) -> Result<Platform, Error> {
        // Kotlin and Swift have no subscriber of their own, and a report needs the events of the first moment, too.
        moorline::record_events();
        let sections = |app| Arc::new(ForeignCriticalSections::new(app)) as _;
        Ok(Platform {
            critical_sections: self.critical_sections.map(sections),
            signer: self.signer.map(|app| Arc::new(ForeignSigner(app)) as _),
            trust: self.trust.map(|app| Arc::new(ForeignTrust(app)) as _),
            proxy_selector: self.proxy_selector.map(|app| Arc::new(ForeignProxySelector(app)) as _),
            ..Platform::new(self.vault_directory, self.keys.open()?)
        })
    }
}

impl KeyLocation {
    fn open(self) -> Result<Arc<dyn KeyStore>, Error> {
        let opened = match self {
            Self::OfApp { key_store } => return Ok(Arc::new(ForeignKeyStore(key_store))),
            Self::InFiles { directory } => return Ok(Arc::new(InsecureFileKeyStore::new(directory))),
            Self::OfPlatform { service, access_group: Some(group) } => {
                PlatformKeyStore::open_in_access_group(&service, &group)
            }
            Self::OfPlatform { service, access_group: None } => PlatformKeyStore::open(&service),
        };
        opened.map(|store| Arc::new(store) as _).map_err(|error| unavailable(&error))
    }
}

/// Why the platform's key store could not be opened.
fn unavailable(error: &KeyStoreError) -> Error {
    Error::StorageUnavailable(match error {
        KeyStoreError::Locked => StorageUnavailableReason::Locked,
        KeyStoreError::Unavailable(_) => StorageUnavailableReason::NoKeyStore,
        KeyStoreError::TimedOut => StorageUnavailableReason::Busy,
        KeyStoreError::Failed(_) | _ => StorageUnavailableReason::Failed,
    })
}
