//! From a profile to the SDK.

use std::sync::Arc;

use moorline::{InsecureFileKeyStore, KeyStore, Moorline, Platform, PlatformKeyStore};

use crate::failure::Failure;
use crate::home::check_folder;
use crate::profile::Profile;
use crate::reasons;
use crate::settings::Settings;

/// Opens the profile's vault, and waits until it was read: the answers of `state` and `session_info` count from then
/// on. There is no fallback: without a key store, the key is in a file only if the settings say so.
pub(crate) async fn open(
    profile: &Profile,
    settings: &Settings,
    parameters: &[(String, String)],
) -> Result<Moorline, Failure> {
    let configuration = settings.configuration(parameters)?;
    check_folder(&profile.vault())?;
    reasons::storage_is_in(profile.folder());
    let key_store: Arc<dyn KeyStore> = if settings.insecure_file_key {
        Arc::new(InsecureFileKeyStore::new(profile.file_keys()))
    } else {
        Arc::new(PlatformKeyStore::open(SERVICE)?)
    };
    let moorline = Moorline::new(configuration, Platform::new(profile.vault(), key_store))?;
    moorline.opened().await;
    Ok(moorline)
}

/// The name under which the platform's key store lists our keys.
const SERVICE: &str = "moorline-cli";
