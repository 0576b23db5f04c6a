//! Code of the app's that the SDK calls (its key store, its critical sections), and what an app calls beside the
//! session, through the surface that Kotlin and Swift have.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use moorline_ffi::{
    AccessTokenOptions, AppCriticalSections, AppCriticalSectionsError, AppKeyStore, AppKeyStoreError, Client,
    ClientConfiguration, ClientError, ClientPlatform, ErrorKind, Expiry, KeyLocation, LoopbackHost,
    LoopbackReceiver, ReauthReason, Retry, SessionState, SignInOptions, StorageLostReason,
    StorageUnavailableReason, Vocabulary,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::provider::{Provider, REDIRECT_URI};

/// Keys in memory.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<HashMap<String, Vec<u8>>>);

impl Keys {
    /// A copy in which each key has this many bytes.
    fn resized(&self, bytes: usize) -> Arc<Self> {
        let keys = self.0.lock().expect("no test panics with it");
        Arc::new(Self(Mutex::new(keys.keys().map(|id| (id.clone(), vec![7; bytes])).collect())))
    }
}

impl AppKeyStore for Keys {
    fn load(&self, key_id: String) -> Result<Option<Vec<u8>>, AppKeyStoreError> {
        Ok(self.0.lock().expect("no test panics with it").get(&key_id).cloned())
    }

    fn ready(&self) -> Result<(), AppKeyStoreError> {
        Ok(())
    }

    fn store(&self, key_id: String, key: Vec<u8>) -> Result<(), AppKeyStoreError> {
        self.0.lock().expect("no test panics with it").insert(key_id, key);
        Ok(())
    }

    fn delete(&self, key_id: String) -> Result<(), AppKeyStoreError> {
        self.0.lock().expect("no test panics with it").remove(&key_id);
        Ok(())
    }
}

/// Answers nothing until the test lets it.
#[derive(Debug)]
struct Hanging(Mutex<mpsc::Receiver<()>>);

impl AppKeyStore for Hanging {
    fn load(&self, _: String) -> Result<Option<Vec<u8>>, AppKeyStoreError> {
        let _ = self.0.lock().expect("no test panics with it").recv();
        Ok(None)
    }

    fn ready(&self) -> Result<(), AppKeyStoreError> {
        Ok(())
    }

    fn store(&self, _: String, _: Vec<u8>) -> Result<(), AppKeyStoreError> {
        Ok(())
    }

    fn delete(&self, _: String) -> Result<(), AppKeyStoreError> {
        Ok(())
    }
}

/// A phone's background tasks.
#[derive(Debug, Default)]
struct Phone {
    sections: Mutex<Vec<Section>>,
    /// Whether it throws instead of beginning a section.
    refuses: bool,
}

#[derive(Debug)]
struct Section {
    expiry: Arc<Expiry>,
    ended: usize,
}

impl Phone {
    fn running(&self) -> usize {
        self.sections
            .lock()
            .expect("no test panics with it")
            .iter()
            .filter(|section| section.ended == 0)
            .count()
    }

    fn ends(&self) -> Vec<usize> {
        self.sections.lock().expect("no test panics with it").iter().map(|section| section.ended).collect()
    }

    /// The time of all sections is over.
    fn expire(&self) {
        let sections = self.sections.lock().expect("no test panics with it");
        let expiries: Vec<_> = sections.iter().map(|section| section.expiry.clone()).collect();
        drop(sections);
        for expiry in expiries {
            expiry.expire();
        }
    }
}

impl AppCriticalSections for Phone {
    fn begin_critical(&self, expiry: Arc<Expiry>) -> Result<u64, AppCriticalSectionsError> {
        if self.refuses {
            return Err(AppCriticalSectionsError::Failed);
        }
        let mut sections = self.sections.lock().expect("no test panics with it");
        sections.push(Section { expiry, ended: 0 });
        // As an app may name them, the greatest first.
        Ok(u64::MAX - (sections.len() as u64 - 1))
    }

    fn end_critical(&self, section: u64) -> Result<(), AppCriticalSectionsError> {
        let index = usize::try_from(u64::MAX - section).expect("it was begun");
        self.sections.lock().expect("no test panics with it")[index].ended += 1;
        Ok(())
    }
}

pub(crate) fn configuration(provider: &Provider) -> ClientConfiguration {
    ClientConfiguration {
        vocabulary: Vocabulary::Kotlin,
        issuer: provider.issuer.clone(),
        client_id: "notes".into(),
        redirect_uri: Some(REDIRECT_URI.into()),
        resources: Vec::new(),
        scopes: vec!["offline_access".into()],
        pins: vec![],
        extra_root_pems: vec![],
        allow_http_on_loopback: true,
        allow_bearer: false,
        api_origins: vec![],
        account: None,
        connect_timeout: None,
        request_timeout: None,
        authorization_parameters: vec![],
    }
}

fn open(
    provider: &Provider,
    folder: &Path,
    keys: Arc<dyn AppKeyStore>,
    sections: Option<Arc<dyn AppCriticalSections>>,
) -> Arc<Client> {
    let platform = ClientPlatform { critical_sections: sections, ..platform(folder, keys) };
    Client::new(configuration(provider), platform).expect("it opens")
}

/// A machine with these keys.
pub(crate) fn platform(folder: &Path, key_store: Arc<dyn AppKeyStore>) -> ClientPlatform {
    ClientPlatform {
        vault_directory: folder.to_str().expect("it is text").to_owned(),
        keys: KeyLocation::OfApp { key_store },
        critical_sections: None,
        signer: None,
        trust: None,
        proxy_selector: None,
    }
}

pub(crate) fn options(redirect_uri: Option<String>) -> SignInOptions {
    SignInOptions {
        login_hint: None,
        prompt: None,
        max_age: None,
        redirect_uri,
        step_up: None,
        extra: vec![],
    }
}

pub(crate) async fn sign_in(provider: &Provider, client: &Client) {
    let request = client.start_sign_in(options(None), None).await.expect("it starts");
    provider.opened(&request.url);
    let callback = format!("{REDIRECT_URI}?code=c1&state={}", request.state);
    client.finish_sign_in(callback, None).await.expect("it finishes");
}

/// Signed in on a phone.
async fn signed_in(
    sections: Option<Arc<dyn AppCriticalSections>>,
) -> (TempDir, Arc<Keys>, Provider, Arc<Client>) {
    let (folder, keys, provider) =
        (tempfile::tempdir().expect("a folder"), Arc::<Keys>::default(), Provider::start().await);
    let client = open(&provider, folder.path(), keys.clone(), sections);
    sign_in(&provider, &client).await;
    (folder, keys, provider, client)
}

/// Another device, with a copy of the vault.
fn copy(folder: &TempDir) -> TempDir {
    let copied = tempfile::tempdir().expect("a folder");
    for file in fs::read_dir(folder.path()).expect("it lists").map(|file| file.expect("it is there")) {
        fs::copy(file.path(), copied.path().join(file.file_name())).expect("it copies");
    }
    copied
}

fn files(folder: &TempDir, prefix: &str) -> Vec<fs::DirEntry> {
    let files = fs::read_dir(folder.path()).expect("it lists").map(|file| file.expect("it is there"));
    files.filter(|file| file.file_name().to_string_lossy().starts_with(prefix)).collect()
}

const BUSY: ErrorKind = ErrorKind::StorageUnavailable { reason: StorageUnavailableReason::Busy };

#[tokio::test]
async fn a_stored_key_of_another_length_is_lost_storage_and_a_new_sign_in_works() {
    let (folder, keys, provider, _client) = signed_in(None).await;
    for bytes in [0, 31, 33, 1 << 20] {
        let device = copy(&folder);
        let client = open(&provider, device.path(), keys.resized(bytes), None);
        let ClientError::Failed { kind, retry, .. } =
            client.access_token(any(), None).await.expect_err("no vault opens with it");
        let reason = StorageLostReason::KeyGone;
        assert_eq!((kind, retry), (ErrorKind::StorageLost { reason }, Retry::Never), "{bytes} bytes");
        let SessionState::NeedsReauth { reason: why } = client.state() else {
            panic!("{:?}", client.state())
        };
        assert_eq!(why, ReauthReason::StorageLost { reason });
        sign_in(&provider, &client).await;
        client.access_token(any(), None).await.expect("the new session has one");
    }
}

#[tokio::test]
async fn a_key_store_that_hangs_is_busy_and_is_used_again_when_it_answers() {
    let (folder, _keys, provider, _client) = signed_in(None).await;
    let device = copy(&folder);
    let (open_gate, gate) = mpsc::channel();
    let client = open(&provider, device.path(), Arc::new(Hanging(Mutex::new(gate))), None);
    assert!(matches!(client.state(), SessionState::Locked), "opening waits for nothing");
    let ClientError::Failed { kind, retry, .. } =
        client.access_token(any(), None).await.expect_err("it hangs");
    assert_eq!((kind, retry), (BUSY, Retry::Now));
    drop(open_gate);
    loop {
        let ClientError::Failed { kind, .. } =
            client.access_token(any(), None).await.expect_err("the key is gone");
        if kind != BUSY {
            assert_eq!(kind, ErrorKind::StorageLost { reason: StorageLostReason::KeyGone });
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_refresh_begins_its_section_before_it_sends_and_each_section_ends_once() {
    let phone = Arc::<Phone>::default();
    let (_folder, _keys, provider, client) = signed_in(Some(phone.clone())).await;
    assert_eq!(phone.running(), 0);
    let before = phone.ends().len();
    let held = provider.hold_token_request();
    let refreshing = {
        let client = client.clone();
        tokio::spawn(async move { client.refresh(None, None).await })
    };
    held.arrived().await;
    assert!(phone.running() > 0, "the token is on its way in a section");
    held.release();
    refreshing.await.expect("it does not panic").expect("it refreshes");
    assert!(phone.ends().len() > before);
    assert!(phone.ends().iter().all(|ends| *ends == 1), "{:?}", phone.ends());
    client.access_token(any(), None).await.expect("there is one in memory");
    assert!(phone.ends().iter().all(|ends| *ends == 1), "{:?}", phone.ends());
}

#[tokio::test]
async fn an_expiry_releases_the_lease_and_the_answer_is_stored_when_the_app_goes_on() {
    let phone = Arc::<Phone>::default();
    let (folder, _keys, provider, client) = signed_in(Some(phone.clone())).await;
    let held = provider.hold_token_request();
    let refreshing = {
        let client = client.clone();
        tokio::spawn(async move { client.refresh(None, None).await })
    };
    held.arrived().await;
    let lease = fs::File::open(files(&folder, "lease-")[0].path()).expect("it opens");
    lease.try_lock().expect_err("the refresh holds it");
    phone.expire();
    lease.try_lock().expect("it was released");
    lease.unlock().expect("it unlocks");
    let sent = fs::read_to_string(files(&folder, "sent-")[0].path()).expect("it reads");
    assert!(sent.contains(r#""suspended":true"#), "{sent}");
    held.release();
    let token = refreshing.await.expect("it does not panic").expect("it refreshes");
    let stored = client.access_token(any(), None).await.expect("it was stored");
    assert_eq!(stored.secret, token.secret);
    phone.expire();
    assert!(phone.ends().iter().all(|ends| *ends == 1), "{:?}", phone.ends());
}

#[tokio::test]
async fn without_a_section_nothing_is_sent_and_nothing_is_lost() {
    let (folder, keys, provider, client) = signed_in(None).await;
    let device = copy(&folder);
    let phone = Arc::new(Phone { refuses: true, ..Phone::default() });
    let suspended = open(&provider, device.path(), keys, Some(phone.clone()));
    let requests = provider.token_requests();
    let ClientError::Failed { kind, retry, .. } =
        suspended.refresh(None, None).await.expect_err("it grants no time");
    assert_eq!((kind, retry), (BUSY, Retry::Now));
    assert_eq!((provider.token_requests(), phone.ends()), (requests, vec![]));
    assert!(matches!(suspended.state(), SessionState::SignedIn { .. }));
    client.refresh(None, None).await.expect("the token was not sent");
}

#[tokio::test]
async fn another_network_means_another_connection() {
    let (_folder, _keys, provider, client) = signed_in(None).await;
    provider.keep_connections();
    client.refresh(None, None).await.expect("it refreshes");
    let connections = provider.connections();
    client.refresh(None, None).await.expect("it refreshes");
    assert_eq!(provider.connections(), connections, "the connection is kept");
    client.network_changed();
    client.refresh(None, None).await.expect("it refreshes");
    assert_eq!(provider.connections(), connections + 1);
    client.release();
    client.network_changed();
}

#[tokio::test]
async fn a_sign_in_comes_back_to_localhost() {
    let (_folder, _keys, provider, client) = signed_in(None).await;
    let receiver =
        LoopbackReceiver::bind(LoopbackHost::Localhost, 0, Vocabulary::Swift).await.expect("a free port");
    let redirect_uri = receiver.redirect_uri();
    let request = client.start_sign_in(options(Some(redirect_uri.clone())), None).await.expect("it starts");
    provider.opened(&request.url);
    let host = redirect_uri.trim_start_matches("http://").trim_end_matches("/callback").to_owned();
    let get = format!("GET /callback?code=c1&state={} HTTP/1.1\r\nHost: {host}\r\n\r\n", request.state);
    let browser = tokio::spawn(async move {
        let mut stream = TcpStream::connect(host).await.expect("it listens");
        stream.write_all(get.as_bytes()).await.expect("it reads");
        let mut page = String::new();
        stream.read_to_string(&mut page).await.expect("it answers");
        page
    });
    let callback =
        receiver.wait(request.state, Duration::from_secs(60), None).await.expect("the browser comes back");
    assert!(callback.starts_with(&redirect_uri), "{callback}");
    assert_eq!(client.finish_sign_in(callback, None).await.expect("it finishes").subject, "ada");
    assert!(browser.await.expect("it does not panic").starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_port_that_is_in_use_is_named() {
    let taken =
        LoopbackReceiver::bind(LoopbackHost::Address, 0, Vocabulary::Swift).await.expect("a free port");
    let uri = taken.redirect_uri();
    let port =
        uri.trim_end_matches("/callback").rsplit(':').next().expect("a port").parse().expect("a number");
    for host in [LoopbackHost::Address, LoopbackHost::Localhost] {
        let error = LoopbackReceiver::bind(host, port, Vocabulary::Swift).await.expect_err("it is taken");
        let ClientError::Failed { kind: ErrorKind::Misconfigured { what }, .. } = error else {
            panic!("{error}")
        };
        assert!(what.contains("port"), "{what}");
    }
}

/// A token that is valid now.
fn any() -> AccessTokenOptions {
    AccessTokenOptions { min_validity: Duration::ZERO, resource: None, scope: Vec::new() }
}
