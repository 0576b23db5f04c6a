//! From a profile to the SDK.

use std::sync::Arc;

use moorline::{InsecureFileKeyStore, KeyStore, Moorline, Platform, PlatformKeyStore};

use crate::failure::Failure;
use crate::output::Output;
use crate::profile::Profile;
use crate::settings::Settings;

/// Opens the profile's vault. There is no fallback: without a key store, the key goes to a file only where the
/// settings say so, and that is said each time.
pub(crate) fn open(
    profile: &Profile,
    settings: &Settings,
    parameters: &[(String, String)],
    output: &Output,
) -> Result<Moorline, Failure> {
    let configuration = settings.configuration(parameters)?;
    let key_store: Arc<dyn KeyStore> = if settings.insecure_file_key {
        output.warn(format_args!(
            "the key of this session is in a plain file (--insecure-file-key); whoever can read {} can use the session",
            profile.file_keys().display()
        ));
        Arc::new(InsecureFileKeyStore::new(profile.file_keys()))
    } else {
        Arc::new(PlatformKeyStore::open(SERVICE)?)
    };
    Ok(Moorline::new(configuration, Platform::new(profile.vault(), key_store))?)
}

/// The name under which the platform's key store lists our keys.
const SERVICE: &str = "moorline-cli";
