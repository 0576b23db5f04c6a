//! The SDK as a test's app would set it up, from what the server says about itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use moorline::{
    Configuration, ConfigurationBuilder, HostPins, KeyStore, MemoryKeyStore, Moorline, Platform,
    SignInOptions, User,
};
use tempfile::TempDir;

use crate::{Browser, DevFile};

/// The demo client's id.
pub const CLIENT: &str = "moorline-demo";
/// The demo client's private-use redirect URI.
pub const REDIRECT: &str = "com.example.notes:/signed-in";
/// What an app of notes asks for.
pub const SCOPES: [&str; 6] = ["openid", "profile", "email", "offline_access", "notes.read", "notes.write"];

/// The configuration of the demo app: its pins, and the development CA as an extra root.
pub fn configuration(dev: &DevFile) -> ConfigurationBuilder {
    let builder = Configuration::builder(&dev.issuer, CLIENT)
        .redirect_uri(REDIRECT)
        .scopes(SCOPES)
        .request_timeout(Duration::from_secs(20));
    match (&dev.ca_pem, &dev.pins) {
        (Some(ca), Some(pins)) => builder.extra_root_pem(ca).pins(
            HostPins::new(&pins.host).primary(&pins.primary).backup(&pins.backup).expires(&pins.expires),
        ),
        _ => builder.allow_http_on_loopback(),
    }
}

/// A device: a vault's folder and a key store, which outlive the SDK instances on it.
#[derive(Debug)]
pub struct Device {
    folder: TempDir,
    key_store: Arc<dyn KeyStore>,
}

impl Device {
    /// A new device with its keys in memory.
    ///
    /// Errors: when no folder can be made.
    pub fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, key_store: Arc::new(MemoryKeyStore::new()) })
    }

    /// What a thief has who copied the vault and can use its key: a device of their own.
    ///
    /// Errors: when the files can't be copied.
    pub fn copied(&self) -> Result<Self> {
        let copy = Self { folder: tempfile::tempdir()?, key_store: Arc::clone(&self.key_store) };
        copy_files(self.folder(), copy.folder())?;
        Ok(copy)
    }

    /// The vault's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The same vault and keys, for one more instance of the SDK.
    pub fn platform(&self) -> Platform {
        Platform::new(self.folder.path(), Arc::clone(&self.key_store))
    }

    /// The demo app, started on this device: as a new process would find it.
    ///
    /// Errors: the SDK's own.
    pub fn app(&self, dev: &DevFile) -> Result<Moorline, moorline::Error> {
        Moorline::new(configuration(dev).build()?, self.platform())
    }
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_files(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Signs `username` in to the app, through the real pages.
///
/// Errors: the SDK's, or the walk's.
pub async fn sign_in(app: &Moorline, dev: &DevFile, username: &str) -> Result<User> {
    sign_in_with(app, dev, &Browser::new(dev.ca_pem.as_deref())?, username).await
}

/// Signs `username` in to the app with a browser that may be signed in already.
///
/// Errors: the SDK's, or the walk's.
pub async fn sign_in_with(app: &Moorline, dev: &DevFile, browser: &Browser, username: &str) -> Result<User> {
    let request = app.start_sign_in(SignInOptions::default()).await?;
    let callback = browser.sign_in(&request.url, dev.user(username)?).await?;
    Ok(app.finish_sign_in(callback.as_str()).await?)
}
