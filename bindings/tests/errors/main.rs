//! Each error of `docs/errors.md`, produced end to end through the SDK's public API; and what crosses to Kotlin and
//! Swift.

mod app_code;
mod documentation;
mod hardware;
mod provider;
mod tls;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use moorline::{
    Error, HttpRequest, KeyStore, KeyStoreError, MemoryKeyStore, Moorline, Platform, ReauthReason, Retry,
    SecretKey, SessionState, SignInOptions, SignOutOptions, SignedOutReason, StorageLostReason,
    StorageUnavailableReason,
};
use moorline_ffi::{ClientError, ErrorKind, Retry as FfiRetry, Vocabulary};
use serde_json::json;
use tempfile::TempDir;

use crate::provider::{Provider, Response};

/// A device whose key store can fail.
struct Device {
    folder: TempDir,
    keys: Arc<FailingKeyStore>,
}

impl Device {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), keys: Arc::default() }
    }

    fn platform(&self) -> Platform {
        Platform::new(self.folder.path(), self.keys.clone())
    }
}

#[derive(Debug, Default)]
struct FailingKeyStore {
    keys: MemoryKeyStore,
    failure: Mutex<Option<KeyStoreError>>,
}

impl FailingKeyStore {
    fn fail(&self, failure: Option<KeyStoreError>) {
        *self.failure.lock().expect("no test panics with it") = failure;
    }

    fn check(&self) -> Result<(), KeyStoreError> {
        self.failure.lock().expect("no test panics with it").clone().map_or(Ok(()), Err)
    }
}

impl KeyStore for FailingKeyStore {
    fn load(&self, key_id: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        self.check().and_then(|()| self.keys.load(key_id))
    }

    fn store(&self, key_id: &str, key: &SecretKey) -> Result<(), KeyStoreError> {
        self.check().and_then(|()| self.keys.store(key_id, key))
    }

    fn delete(&self, key_id: &str) -> Result<(), KeyStoreError> {
        self.check().and_then(|()| self.keys.delete(key_id))
    }
}

/// What crosses for this error: the same facts, and a kind of its own.
fn crossed(error: &Error, vocabulary: Vocabulary) -> (ErrorKind, String) {
    let ClientError::Failed { kind, code, retry, maybe_sent, text } =
        ClientError::new(error.clone(), vocabulary);
    assert_eq!((code.as_str(), maybe_sent), (error.code(), error.maybe_sent()));
    let expected = match error.retry() {
        Retry::Never => FfiRetry::Never,
        Retry::Now => FfiRetry::Now,
        Retry::After(duration) => FfiRetry::After { duration },
        Retry::WhenUnlocked => FfiRetry::WhenUnlocked,
        other => panic!("{other:?} does not cross"),
    };
    assert_eq!(retry, expected);
    (kind, text)
}

fn assert_facts(error: &Error, code: &str, retry: Retry, maybe_sent: bool) {
    assert_eq!((error.code(), error.retry(), error.maybe_sent()), (code, retry, maybe_sent), "{error}");
    for vocabulary in [Vocabulary::Kotlin, Vocabulary::Swift] {
        let (_, text) = crossed(error, vocabulary);
        assert!(!text.is_empty());
    }
}

async fn start(moorline: &Moorline) -> Error {
    moorline.start_sign_in(SignInOptions::default()).await.expect_err("it cannot start")
}

async fn refresh(moorline: &Moorline) -> Error {
    moorline.refresh(None).await.expect_err("it cannot refresh")
}

async fn token(moorline: &Moorline) -> Error {
    moorline.access_token(Duration::ZERO).await.expect_err("there is no token")
}

async fn signed_in() -> (Device, Provider, Moorline) {
    let (device, provider) = (Device::new(), Provider::start().await);
    let moorline = provider.moorline(device.platform());
    provider.sign_in(&moorline).await;
    (device, provider, moorline)
}

#[tokio::test]
async fn offline_when_nobody_answers_or_a_captive_portal_does() {
    let (_device, mut provider, moorline) = signed_in().await;
    let page = Response { status: 200, head: "Content-Type: text/html\r\n", body: b"<html>".into() };
    provider.replace("/token", Some(page));
    assert_facts(&refresh(&moorline).await, "offline", Retry::Now, false);
    provider.stop().await;
    assert_facts(&refresh(&moorline).await, "offline", Retry::Now, false);
    assert!(matches!(moorline.state(), SessionState::SignedIn(_)));
}

#[tokio::test]
async fn offline_for_a_request_whose_answer_was_lost_may_have_taken_effect() {
    let (_device, provider, moorline) = signed_in().await;
    provider.replace("/notes", None);
    let post = HttpRequest::post(&format!("{}/notes", provider.issuer), "application/json", "{}");
    assert_facts(&moorline.send(post).await.expect_err("no answer"), "offline", Retry::Now, true);
}

#[tokio::test]
async fn rate_limited_reports_the_wait_and_sends_nothing_meanwhile() {
    let (_device, provider, moorline) = signed_in().await;
    let busy = Response { status: 429, head: "Retry-After: 120\r\n", ..Response::default() };
    provider.replace("/token", Some(busy));
    let wait = Duration::from_secs(120);
    let error = refresh(&moorline).await;
    assert_facts(&error, "rate_limited", Retry::After(wait), false);
    let (kind, _) = crossed(&error, Vocabulary::Swift);
    assert_eq!(kind, ErrorKind::RateLimited { retry_after: wait });
    let requests = provider.token_requests();
    let Error::RateLimited { retry_after } = refresh(&moorline).await else { panic!("it remembers") };
    assert!(retry_after <= wait && retry_after > wait / 2, "{retry_after:?}");
    assert_eq!(provider.token_requests(), requests);
}

#[tokio::test]
async fn untrusted_for_a_certificate_that_nobody_vouches_for() {
    let (device, server) = (Device::new(), tls::Server::start().await);
    let configuration = server.configuration().build().expect("it is right");
    let moorline = Moorline::new(configuration, device.platform()).expect("it opens");
    let error = start(&moorline).await;
    assert_facts(&error, "untrusted", Retry::Now, false);
    let Error::Untrusted { host, reason } = error else { panic!("{error}") };
    assert_eq!(host, "localhost");
    assert!(reason.contains("authority"), "{reason}");
}

#[tokio::test]
async fn pin_mismatch_for_a_server_without_the_right_key() {
    let (device, server) = (Device::new(), tls::Server::start().await);
    let configuration = server.configuration().extra_root_pem(&server.authority).pins(tls::wrong_pins());
    let moorline =
        Moorline::new(configuration.build().expect("it is right"), device.platform()).expect("it opens");
    let error = start(&moorline).await;
    assert_eq!(error, Error::PinMismatch("localhost".into()));
    assert_facts(&error, "pin_mismatch", Retry::Now, false);
}

#[tokio::test]
async fn cancelled_when_the_user_denied_the_request() {
    let (device, provider) = (Device::new(), Provider::start().await);
    let moorline = provider.moorline(device.platform());
    let request = moorline.start_sign_in(SignInOptions::default()).await.expect("it starts");
    let callback = provider.callback(&request, "error=access_denied");
    let error = moorline.finish_sign_in(&callback).await.expect_err("it was denied");
    assert_eq!(error, Error::Cancelled);
    assert_facts(&error, "cancelled", Retry::Never, false);
}

#[tokio::test]
async fn signed_out_never_signed_in_or_by_the_user() {
    let (device, provider) = (Device::new(), Provider::start().await);
    let moorline = provider.moorline(device.platform());
    let error = token(&moorline).await;
    assert_eq!(error, Error::SignedOut(SignedOutReason::NeverSignedIn));
    assert_facts(&error, "signed_out", Retry::Never, false);
    provider.sign_in(&moorline).await;
    moorline.sign_out(SignOutOptions::default()).await.expect("it signs out");
    assert_eq!(token(&moorline).await, Error::SignedOut(SignedOutReason::ByUser));
}

#[tokio::test]
async fn needs_reauth_for_each_reason_that_a_provider_gives() {
    for (code, reason) in [
        ("invalid_grant", ReauthReason::Revoked),
        ("interaction_required", ReauthReason::InteractionRequired),
        ("login_required", ReauthReason::InteractionRequired),
        ("consent_required", ReauthReason::InteractionRequired),
    ] {
        let (_device, provider, moorline) = signed_in().await;
        provider.refuse_refresh(code);
        assert_needs_reauth(&moorline, refresh(&moorline).await, reason);
    }
}

#[tokio::test]
async fn needs_reauth_when_another_refusal_comes_again() {
    let (_device, provider, moorline) = signed_in().await;
    provider.refuse_refresh("invalid_request");
    let first = refresh(&moorline).await;
    assert_eq!(first, Error::Refused { code: "invalid_request".into(), description: "why".into() });
    assert_facts(&first, "refused", Retry::Never, false);
    assert!(matches!(moorline.state(), SessionState::SignedIn(_)));
    assert_needs_reauth(&moorline, refresh(&moorline).await, ReauthReason::Refused);
}

#[tokio::test]
async fn needs_reauth_when_the_token_has_expired_and_there_is_none_to_refresh_it_with() {
    let (device, provider) = (Device::new(), Provider::start().await);
    provider.set_token_member("refresh_token", json!(null));
    provider.set_token_member("expires_in", json!(0));
    let moorline = provider.moorline(device.platform());
    provider.sign_in(&moorline).await;
    assert_needs_reauth(&moorline, token(&moorline).await, ReauthReason::NoRefreshToken);
}

fn assert_needs_reauth(moorline: &Moorline, error: Error, reason: ReauthReason) {
    assert_facts(&error, "needs_reauth", Retry::Never, false);
    assert_eq!(error, Error::NeedsReauth(reason));
    assert_eq!(moorline.state(), SessionState::NeedsReauth(reason));
}

#[tokio::test]
async fn step_up_required_when_an_api_asks_more_of_the_user() {
    let (_device, provider, moorline) = signed_in().await;
    let head = "WWW-Authenticate: DPoP error=\"insufficient_user_authentication\", acr_values=\"urn:mfa\", max_age=60\r\n";
    provider.replace("/notes", Some(Response { status: 401, head, body: Vec::new() }));
    let request = HttpRequest::get(&format!("{}/notes", provider.issuer));
    let error = moorline.send(request).await.expect_err("the API asks for more");
    assert_facts(&error, "step_up_required", Retry::Never, false);
    let (kind, text) = crossed(&error, Vocabulary::Kotlin);
    let ErrorKind::StepUpRequired { step_up } = kind else { panic!("{kind:?}") };
    assert_eq!(
        (step_up.acr_values, step_up.max_age),
        (vec!["urn:mfa".into()], Some(Duration::from_secs(60)))
    );
    assert!(step_up.scope.is_empty() && text.contains("urn:mfa"), "{text}");
    assert!(matches!(moorline.state(), SessionState::SignedIn(_)));
}

#[tokio::test]
async fn storage_unavailable_advises_as_the_key_store_says() {
    let (device, provider) = (Device::new(), Provider::start().await);
    let moorline = provider.moorline(device.platform());
    for (failure, reason, retry) in [
        (KeyStoreError::Locked, StorageUnavailableReason::Locked, Retry::WhenUnlocked),
        (KeyStoreError::Unavailable("none".into()), StorageUnavailableReason::NoKeyStore, Retry::Never),
        (KeyStoreError::TimedOut, StorageUnavailableReason::Busy, Retry::Now),
        (KeyStoreError::Failed("broken".into()), StorageUnavailableReason::Failed, Retry::Now),
    ] {
        device.keys.fail(Some(failure));
        let error = start(&moorline).await;
        assert_eq!(error, Error::StorageUnavailable(reason));
        assert_facts(&error, "storage_unavailable", retry, false);
    }
    device.keys.fail(None);
    provider.sign_in(&moorline).await;
}

#[tokio::test]
async fn storage_unavailable_while_another_process_refreshes_for_too_long() {
    let (device, provider) = (Device::new(), Provider::start().await);
    let configuration = provider.configuration().request_timeout(Duration::from_millis(100));
    let moorline =
        Moorline::new(configuration.build().expect("it is right"), device.platform()).expect("it opens");
    provider.sign_in(&moorline).await;
    moorline.refresh(None).await.expect("it refreshes");
    let files =
        fs::read_dir(device.folder.path()).expect("it lists").map(|file| file.expect("it is there").path());
    let is_lease =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lease-"));
    let lease = fs::File::open(files.into_iter().find(is_lease).expect("a lease")).expect("it opens");
    lease.lock().expect("it locks");
    let error = refresh(&moorline).await;
    assert_eq!(error, Error::StorageUnavailable(StorageUnavailableReason::Busy));
    assert_facts(&error, "storage_unavailable", Retry::Now, false);
    lease.unlock().expect("it unlocks");
    moorline.refresh(None).await.expect("nothing is lost");
}

#[tokio::test]
async fn storage_lost_for_each_reason() {
    assert_lost(StorageLostReason::KeyGone, true, |_| {}).await;
    assert_lost(StorageLostReason::Damaged, false, |vault| {
        fs::write(vault, "not a vault").expect("it writes")
    })
    .await;
    assert_lost(StorageLostReason::NewerVersion, false, |vault| {
        // The version is at 9, and the start of a hash of all before it at 27: see the SDK's vault format.
        let mut bytes = fs::read(vault).expect("it reads");
        bytes[9] = 0x7f;
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes[..27]);
        bytes[27..35].copy_from_slice(&hash.as_ref()[..8]);
        fs::write(vault, bytes).expect("it writes");
    })
    .await;
}

async fn assert_lost(reason: StorageLostReason, without_keys: bool, happens: impl FnOnce(&Path)) {
    let (device, provider, _moorline) = signed_in().await;
    // Another folder is another session for this process, and nothing else uses its files.
    let copied = tempfile::tempdir().expect("a folder");
    for file in fs::read_dir(device.folder.path()).expect("it lists").map(|file| file.expect("it is there")) {
        fs::copy(file.path(), copied.path().join(file.file_name())).expect("it copies");
    }
    happens(&copied.path().join("vault.moorline"));
    let keys: Arc<dyn KeyStore> =
        if without_keys { Arc::new(MemoryKeyStore::new()) } else { device.keys.clone() };
    let moorline = provider.moorline(Platform::new(copied.path(), keys));
    let error = token(&moorline).await;
    assert_eq!(error, Error::StorageLost(reason));
    assert_facts(&error, "storage_lost", Retry::Never, false);
    assert_eq!(moorline.state(), SessionState::NeedsReauth(ReauthReason::StorageLost(reason)));
}

#[tokio::test]
async fn clock_skew_is_reported_and_the_sign_in_goes_on() {
    let (device, provider) = (Device::new(), Provider::start().await);
    provider.set_clock_lead(3600);
    let moorline = provider.moorline(device.platform());
    let request = moorline.start_sign_in(SignInOptions::default()).await.expect("it starts");
    let error = moorline.finish_sign_in(&provider.callback(&request, "code=c1")).await.expect_err("an hour");
    let Error::ClockSkew(delta) = error else { panic!("{error}") };
    assert!((-3660..-3540).contains(&delta), "{delta}");
    assert_facts(&error, "clock_skew", Retry::Never, false);
    assert_eq!(moorline.state(), SessionState::SigningIn);
}

#[tokio::test]
async fn refused_by_the_provider_or_by_a_check_of_the_sdk() {
    let (device, provider) = (Device::new(), Provider::start().await);
    let moorline = provider.moorline(device.platform());
    let request = moorline.start_sign_in(SignInOptions::default()).await.expect("it starts");
    let foreign = provider.callback(&request, "code=c1").replace(&request.state, "another");
    let error = moorline.finish_sign_in(&foreign).await.expect_err("it is another's");
    assert_facts(&error, "refused", Retry::Never, false);
    assert!(matches!(&error, Error::Refused { code, .. } if code == "state_mismatch"), "{error}");

    let refusal = provider.callback(&request, "error=invalid_scope&error_description=no+such+scope");
    let error = moorline.finish_sign_in(&refusal).await.expect_err("it is refused");
    assert_eq!(error, Error::Refused { code: "invalid_scope".into(), description: "no such scope".into() });
}

#[tokio::test]
async fn refused_for_a_response_that_is_too_large_to_a_request_that_took_effect() {
    let (_device, provider, moorline) = signed_in().await;
    provider.replace(
        "/notes",
        Some(Response { status: 200, body: vec![0; 33 * 1024 * 1024], ..Response::default() }),
    );
    let post = HttpRequest::post(&format!("{}/notes", provider.issuer), "application/json", "{}");
    let error = moorline.send(post).await.expect_err("33 MiB");
    assert!(matches!(&error, Error::Refused { code, .. } if code == "response_too_large"), "{error}");
    assert_facts(&error, "refused", Retry::Never, true);
}

#[tokio::test]
async fn misconfigured_spells_options_as_the_reader_does() {
    let (_device, provider, moorline) = signed_in().await;
    let error =
        moorline.send(HttpRequest::get("https://api.example.com/notes")).await.expect_err("elsewhere");
    assert_facts(&error, "misconfigured", Retry::Never, false);
    for (vocabulary, option) in [(Vocabulary::Kotlin, "apiOrigin()"), (Vocabulary::Swift, "apiOrigins")] {
        let (kind, text) = crossed(&error, vocabulary);
        let ErrorKind::Misconfigured { what } = kind else { panic!("{kind:?}") };
        assert!(what.contains(option) && text.ends_with(&what), "{text}");
    }
    assert!(error.to_string().contains("api_origin()"), "{error}");

    provider.refuse_refresh("unauthorized_client");
    let Error::Misconfigured(what) = refresh(&moorline).await else { panic!("the client is refused") };
    assert!(what.contains("unauthorized_client"), "{what}");
}

#[tokio::test]
async fn misconfigured_when_the_account_is_in_use_with_another_configuration() {
    let (device, provider, _moorline) = signed_in().await;
    let other =
        provider.configuration().request_timeout(Duration::from_secs(7)).build().expect("it is right");
    let error = Moorline::new(other, device.platform()).expect_err("it is in use");
    assert_facts(&error, "misconfigured", Retry::Never, false);
}
