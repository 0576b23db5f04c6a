//! The app's signer and its trust, through the surface that Kotlin and Swift have.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use moorline_ffi::{
    AccessTokenOptions, AppSigner, AppSignerError, AppTrust, AppTrustError, Client, ClientError,
    ClientPlatform, ErrorKind, ReauthReason, Retry, SessionState, SignOutOptions, StorageLostReason,
    StorageUnavailableReason,
};

use crate::{
    app_code::{Keys, configuration, options, platform, sign_in},
    provider::Provider,
    tls,
};

/// Keys that sign in DER, as a phone's do.
#[derive(Default)]
struct Hardware(Mutex<State>);

#[derive(Default)]
struct State {
    keys: HashMap<String, EcdsaKeyPair>,
    trouble: Option<AppSignerError>,
    signatures: usize,
}

impl Hardware {
    fn trouble(&self, trouble: Option<AppSignerError>) {
        self.0.lock().expect("no test panics with it").trouble = trouble;
    }

    /// How many keys there are, and how many signatures were made.
    fn counts(&self) -> (usize, usize) {
        let state = self.0.lock().expect("no test panics with it");
        (state.keys.len(), state.signatures)
    }
}

impl AppSigner for Hardware {
    fn generate(&self, key_id: String) -> Result<Vec<u8>, AppSignerError> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let point = key.public_key().as_ref().to_vec();
        self.0.lock().expect("no test panics with it").keys.insert(key_id, key);
        Ok(point)
    }

    fn sign(&self, key_id: String, message: Vec<u8>) -> Result<Vec<u8>, AppSignerError> {
        let mut state = self.0.lock().expect("no test panics with it");
        state.trouble.clone().map_or(Ok(()), Err)?;
        state.signatures += 1;
        let key = state.keys.get(&key_id).ok_or(AppSignerError::Gone)?;
        Ok(key.sign(&SystemRandom::new(), &message).expect("it signs").as_ref().to_vec())
    }

    fn delete(&self, key_id: String) -> Result<(), AppSignerError> {
        self.0.lock().expect("no test panics with it").keys.remove(&key_id);
        Ok(())
    }
}

fn open(provider: &Provider, folder: &Path, keys: &Arc<Keys>, signer: &Arc<Hardware>) -> Arc<Client> {
    let platform = ClientPlatform { signer: Some(signer.clone()), ..platform(folder, keys.clone()) };
    Client::new(configuration(provider), platform).expect("it opens")
}

#[tokio::test]
async fn a_session_is_bound_to_a_key_of_the_apps_signer_until_it_ends() {
    let (folder, provider) = (tempfile::tempdir().expect("a folder"), Provider::start().await);
    let (keys, hardware) = (Arc::<Keys>::default(), Arc::<Hardware>::default());
    let client = open(&provider, folder.path(), &keys, &hardware);
    sign_in(&provider, &client).await;
    client.refresh(None, None).await.expect("it refreshes");
    let (held, signatures) = hardware.counts();
    assert_eq!(held, 1);
    assert!(signatures >= 3, "one at the start, one for the code, one for the refresh: {signatures}");
    let headers = client
        .request_headers(
            "GET".into(),
            provider.issuer.clone(),
            AccessTokenOptions { min_validity: Duration::ZERO, resource: None, scope: Vec::new() },
            None,
        )
        .await;
    assert!(headers.expect("there are some").dpop.is_some());

    let requests = provider.token_requests();
    hardware.trouble(Some(AppSignerError::Locked));
    let ClientError::Failed { kind, retry, .. } = client.refresh(None, None).await.expect_err("it is locked");
    let reason = StorageUnavailableReason::Locked;
    assert_eq!((kind, retry), (ErrorKind::StorageUnavailable { reason }, Retry::WhenUnlocked));
    assert!(matches!(client.state(), SessionState::SignedIn { .. }));
    assert_eq!(provider.token_requests(), requests, "nothing was sent");

    hardware.trouble(None);
    let options = SignOutOptions { end_session: false, post_logout_redirect_uri: None };
    client.sign_out(options, None).await.expect("it signs out");
    assert_eq!(hardware.counts().0, 0, "nobody needs the key any more");
}

#[tokio::test]
async fn a_key_that_the_apps_signer_has_lost_ends_the_session() {
    let (folder, provider) = (tempfile::tempdir().expect("a folder"), Provider::start().await);
    let (keys, hardware) = (Arc::<Keys>::default(), Arc::<Hardware>::default());
    let client = open(&provider, folder.path(), &keys, &hardware);
    sign_in(&provider, &client).await;
    hardware.trouble(Some(AppSignerError::Gone));
    let ClientError::Failed { kind, .. } = client.refresh(None, None).await.expect_err("it is gone");
    let reason = ReauthReason::StorageLost { reason: StorageLostReason::KeyGone };
    assert_eq!(kind, ErrorKind::NeedsReauth { reason });
    hardware.trouble(None);
    sign_in(&provider, &client).await;
    client.refresh(None, None).await.expect("the new session has a key of its own");
}

/// A trust manager that decides once for all.
struct Manager {
    verdict: Result<(), AppTrustError>,
    asked: Mutex<Vec<(usize, String)>>,
}

impl AppTrust for Manager {
    fn verify(&self, chain_der: Vec<Vec<u8>>, host: String) -> Result<(), AppTrustError> {
        self.asked.lock().expect("no test panics with it").push((chain_der.len(), host));
        self.verdict.clone()
    }
}

/// What becomes of a sign-in at a server that speaks TLS and answers nothing.
async fn sign_in_at(
    server: &tls::Server,
    verdict: Result<(), AppTrustError>,
    roots: Vec<String>,
) -> ErrorKind {
    let (folder, provider) = (tempfile::tempdir().expect("a folder"), Provider::start().await);
    let manager = Arc::new(Manager { verdict, asked: Mutex::default() });
    let mut configuration = configuration(&provider);
    configuration.issuer.clone_from(&server.issuer);
    configuration.extra_root_pems = roots;
    let platform =
        ClientPlatform { trust: Some(manager.clone()), ..platform(folder.path(), Arc::<Keys>::default()) };
    let client = Client::new(configuration, platform).expect("it opens");
    let ClientError::Failed { kind, .. } =
        client.start_sign_in(options(None), None).await.expect_err("no metadata");
    let asked = manager.asked.lock().expect("no test panics with it").clone();
    assert!(
        asked.iter().all(|asked| *asked == (1, "localhost".to_owned())) && !asked.is_empty(),
        "{asked:?}"
    );
    kind
}

#[tokio::test]
async fn the_apps_trust_decides_and_not_the_roots_of_the_configuration() {
    let server = tls::Server::start().await;
    let kind = sign_in_at(&server, Ok(()), vec![]).await;
    assert_eq!(kind, ErrorKind::Offline, "it was trusted, and answered nothing");
    let refused = AppTrustError::Refused { reason: "switched off".into() };
    let roots = vec![server.authority.clone()];
    let ErrorKind::Untrusted { host, reason } = sign_in_at(&server, Err(refused), roots.clone()).await else {
        panic!("untrusted")
    };
    assert!(host == "localhost" && reason.contains("switched off"), "{host}: {reason}");
    let thrown = uniffi::UnexpectedUniFFICallbackError::new("a bug");
    let kind = sign_in_at(&server, Err(thrown.into()), roots).await;
    assert!(matches!(kind, ErrorKind::Untrusted { .. }), "{kind:?}");
}
