//! What tests of whole sessions share: a device, and a provider for it.

mod fault;
pub(crate) mod log;
mod proofs;
mod provider;
mod request;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;

pub(crate) use self::fault::{Fault, Gate};
pub(crate) use self::provider::FakeProvider;
use crate::{
    Configuration, ConfigurationBuilder, Error, MemoryKeyStore, Platform, SignInOptions, User, login,
    platform::TestClock,
    session::{Need, Session},
};

/// A device with one app on it.
pub(crate) struct Device {
    pub(crate) provider: FakeProvider,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) key_store: Arc<MemoryKeyStore>,
    folder: TempDir,
}

impl Device {
    pub(crate) async fn new() -> Self {
        log::record();
        let clock: Arc<TestClock> = Arc::default();
        Self {
            provider: FakeProvider::start(clock.clone()).await,
            clock,
            key_store: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn configuration(&self) -> Configuration {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> ConfigurationBuilder {
        Configuration::builder(&self.provider.issuer, "notes")
            .redirect_uri("com.example.notes:/signed-in")
            .scopes(["openid", "offline_access"])
            .allow_http_on_loopback()
    }

    pub(crate) fn platform(&self) -> Platform {
        Platform {
            vault_directory: self.folder(),
            key_store: self.key_store.clone(),
            clock: self.clock.clone(),
            runtime: None,
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    /// A process of the app.
    pub(crate) fn process(&self) -> Arc<Session> {
        Session::open_impatient(self.configuration(), self.platform())
    }

    /// A process of an app that accepts bearer tokens.
    pub(crate) fn lenient_process(&self) -> Arc<Session> {
        Session::open_impatient(self.builder().allow_bearer().build().unwrap(), self.platform())
    }

    /// A process of the app in which somebody has signed in.
    pub(crate) async fn signed_in(&self) -> Arc<Session> {
        let session = self.process();
        self.sign_in(&session).await.unwrap();
        session
    }

    pub(crate) async fn sign_in(&self, session: &Arc<Session>) -> Result<User, Error> {
        let request = login::start(session, SignInOptions::default()).await?;
        login::finish(session, &self.provider.authorize(&request.url)).await
    }

    /// The names of the files in the vault's folder that begin like this.
    pub(crate) fn files(&self, start: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap());
        let named = entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with(start));
        named.map(|entry| entry.path()).collect()
    }
}

/// Puts a file in the place of another, whole: a process may be reading it.
pub(crate) fn put(file: &Path, bytes: &[u8]) {
    let beside = file.with_extension("put");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(beside, file).unwrap();
}

/// Whatever is left of the present one.
pub(crate) fn a_new_one(session: &Session) -> Need {
    Need { min_validity: Duration::ZERO, rejected: session.latest() }
}

/// One that serves now.
pub(crate) fn any() -> Need {
    Need::default()
}
