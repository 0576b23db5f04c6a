//! What the tests share: a device with a disk and a clock, a provider for it, and servers with certificates.

mod clock;
mod disk;
pub(crate) mod hardware;
mod lockable;
pub(crate) mod log;
mod refreshing;
mod session;
pub(crate) mod tls_server;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;

pub(crate) use moorline_testkit::{Fault, Gate, Provider as FakeProvider, signer};

pub(crate) use self::clock::TestClock;
pub(crate) use self::disk::{Step, TestDisk};
pub(crate) use self::hardware::Hardware;
pub(crate) use self::lockable::Lockable;
pub(crate) use self::refreshing::{refreshing, refreshing_held};
use crate::{
    AccessToken, Configuration, ConfigurationBuilder, Error, KeyStore, MemoryKeyStore, Platform,
    SignInOptions, User,
    account::{Patience, TokenRequest},
    secret::Secret,
    session::Session,
    vault::StoredSession,
};

/// A device with one app on it.
pub(crate) struct Device {
    pub(crate) provider: FakeProvider,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) key_store: Arc<MemoryKeyStore>,
    pub(crate) disk: Arc<TestDisk>,
    /// Of the processes that start from now on.
    pub(crate) signer: Option<Arc<Hardware>>,
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
            disk: Arc::default(),
            signer: None,
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
            critical_sections: None,
            signer: self.signer.clone().map(|signer| signer as _),
            trust: None,
            proxy_selector: None,
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    /// A process of an app with this configuration.
    pub(crate) fn open(&self, configuration: Configuration) -> Arc<Session> {
        Session::open(configuration, self.platform(), IMPATIENT, self.disk.clone()).unwrap()
    }

    /// A process of the app.
    pub(crate) fn process(&self) -> Arc<Session> {
        self.open(self.configuration())
    }

    /// A process of an app that accepts bearer tokens.
    pub(crate) fn lenient_process(&self) -> Arc<Session> {
        self.open(self.builder().allow_bearer().build().unwrap())
    }

    /// A process of the app in which a user has signed in.
    pub(crate) async fn signed_in(&self) -> Arc<Session> {
        let session = self.process();
        self.sign_in(&session).await.unwrap();
        session
    }

    pub(crate) async fn sign_in(&self, session: &Arc<Session>) -> Result<User, Error> {
        let request = session.sign_in.start(SignInOptions::default()).await?;
        session.sign_in.finish(&self.provider.authorize(&request.url)).await
    }

    /// Deletes the key of the vault from the key store.
    pub(crate) fn lose_the_key(&self) {
        let file = std::fs::read(self.folder().join("vault.moorline")).unwrap();
        let id = crate::vault::format::key_id(crate::vault::format::Kind::Vault, &file).unwrap();
        self.key_store.delete(&id.name()).unwrap();
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

/// A session that waits for nothing between sends.
pub(crate) fn open(configuration: Configuration, platform: Platform) -> Arc<Session> {
    Session::open(configuration, platform, IMPATIENT, Arc::new(TestDisk::default())).unwrap()
}

const IMPATIENT: Patience = Patience {
    pauses: &[Duration::ZERO, Duration::ZERO],
    poll: Duration::from_millis(5),
    // A busy machine is no slow key store.
    first_reading: Duration::from_secs(600),
    second: Duration::from_millis(1),
    ..Patience::DEFAULT
};

/// A new token, whatever the lifetime of the current one.
pub(crate) fn a_new_one(session: &Session) -> TokenRequest {
    TokenRequest { rejected: session.latest(), ..TokenRequest::default() }
}

/// An access token of this text.
pub(crate) fn token(text: &str) -> AccessToken {
    let session = StoredSession {
        user: User::from_claims("ada".into(), serde_json::Map::new()),
        authentication: crate::authentication::Authentication::default(),
        id_token: None,
        refresh_token: None,
        access_token: Secret::new(text.into()),
        proof_key: None,
        bearer_access_token: true,
        knows_attempts: None,
        lifetime: None,
        scope: Vec::new(),
        resources: Vec::new(),
        signed_in_at: 0,
        refreshes: 0,
        refusal: None,
        login_state: Secret::new(String::new()),
    };
    AccessToken::of(&session, &crate::SystemClock)
}

/// A token that is valid now.
pub(crate) fn any() -> TokenRequest {
    TokenRequest::default()
}

/// The same sealed file as a later version of the SDK might write it.
pub(crate) fn newer_version_of(file: &[u8]) -> Vec<u8> {
    let mut newer = file.to_vec();
    newer[10] += 1;
    let check = crate::crypto::sha256(&newer[..27]);
    newer[27..35].copy_from_slice(&check[..8]);
    newer
}
