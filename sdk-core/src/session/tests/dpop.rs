//! Sessions whose tokens are bound to a key (RFC 9449).

use std::{collections::HashSet, time::Duration};

use ::http::{HeaderName, HeaderValue, header};
use serde_json::json;
use url::Url;

use crate::{
    Error, HttpRequest, RequestHeaders, RevocationOutcome, SessionState, TokenType,
    dpop::Credentials,
    net::{Request, Response, Transport},
    platform::NetworkParts,
    session::Session,
    testing::{Device, Fault, a_new_one, any, refreshing_held},
    vault::{Change, StoredState, WhenLost},
};

const CHALLENGE: Fault = Fault::Instead(400, r#"{"error":"use_dpop_nonce"}"#);
const BAD_PROOF: Fault = Fault::Instead(400, r#"{"error":"invalid_dpop_proof"}"#);

/// The provider accepts only this nonce from now on, and hands it out.
fn renew_nonce(device: &Device, nonce: &str) {
    device.provider.state().proofs.nonces = vec![nonce.to_owned()];
}

fn api(device: &Device) -> HttpRequest {
    HttpRequest::get(&format!("{}/api?page=2", device.provider.issuer))
}

fn token_type(session: &Session) -> TokenType {
    session.info().unwrap().token_type
}

#[tokio::test]
async fn a_session_is_bound_by_default_and_says_so() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    assert_eq!(token_type(&session), TokenType::DPoP);
    assert_eq!(session.access_token(any()).await.unwrap().token_type(), TokenType::DPoP);
    let thumbprint = device.provider.state().sessions[0].thumbprint.clone();
    assert!(thumbprint.is_some());
    let restarted = device.process();
    restarted.access_token(a_new_one(&restarted)).await.unwrap();
    assert_eq!(token_type(&restarted), TokenType::DPoP);
    assert_eq!(device.provider.live_generation(), Some(1));
}

#[tokio::test]
async fn every_session_has_a_key_of_its_own() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.sign_in(&session).await.unwrap();
    let state = device.provider.state();
    assert_ne!(state.sessions[0].thumbprint, state.sessions[1].thumbprint);
}

#[tokio::test]
async fn a_nonce_challenge_inside_an_attempt_keeps_the_attempt_and_makes_a_new_proof() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    renew_nonce(&device, "nonce-2");
    session.access_token(a_new_one(&session)).await.unwrap();
    let challenged = device.provider.state().challenged.last().unwrap().clone();
    let refreshes = device.provider.refreshes();
    assert_eq!((refreshes.len(), device.provider.live_generation()), (1, Some(1)));
    assert_eq!(challenged.form, refreshes[0].form);
    assert!(challenged.proof.is_some() && challenged.proof != refreshes[0].proof);
}

#[tokio::test]
async fn challenges_use_up_none_of_the_sends() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.fault(Fault::LoseAnswer);
    device.provider.fault(Fault::Instead(503, ""));
    renew_nonce(&device, "nonce-2");
    // Three sends, and the first of them twice.
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(device.provider.refreshes().len(), 3);
    assert_eq!(device.provider.live_generation(), Some(1));
}

#[tokio::test]
async fn every_send_of_one_attempt_has_a_proof_of_its_own() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.fault(Fault::LoseAnswer);
    device.provider.fault(Fault::LoseAnswer);
    session.access_token(a_new_one(&session)).await.unwrap();
    let refreshes = device.provider.refreshes();
    let ids: HashSet<_> = refreshes.iter().map(|seen| seen.proof_id.clone().unwrap()).collect();
    assert_eq!((refreshes.len(), ids.len()), (3, 3));
    assert!(refreshes.iter().all(|seen| seen.form == refreshes[0].form));
}

#[tokio::test]
async fn a_proof_or_nonce_that_is_refused_for_ever_never_ends_a_session() {
    for fault in [CHALLENGE, BAD_PROOF] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        for _ in 0..3 {
            device.provider.fault(fault.clone());
        }
        let error = session.access_token(a_new_one(&session)).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "reported as what it is: {error:?}");
        assert!(matches!(session.state(), SessionState::SignedIn(_)));
        session.access_token(a_new_one(&session)).await.unwrap();
        let refreshes = device.provider.refreshes();
        assert_eq!((refreshes.len(), device.provider.live_generation()), (4, Some(1)));
        assert!(refreshes.iter().all(|seen| seen.form == refreshes[0].form));
    }
}

#[tokio::test]
async fn a_server_that_renews_its_nonce_with_each_answer_is_not_followed_for_ever() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    renew_nonce(&device, "nonce-2");
    device.provider.state().restless = true;
    let before = device.provider.state().challenged.len();
    let error = session.access_token(a_new_one(&session)).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "use_dpop_nonce"), "{error:?}");
    // Three sends, each of them thrice.
    assert_eq!(device.provider.state().challenged.len() - before, 9);
    device.provider.state().restless = false;
    session.access_token(a_new_one(&session)).await.unwrap();
}

#[tokio::test]
async fn a_request_to_the_api_goes_with_a_proof_for_it_and_a_challenge_costs_no_refresh() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    assert!(session.api.send(api(&device)).await.unwrap().is_success());
    renew_nonce(&device, "nonce-2");
    assert!(session.api.send(api(&device)).await.unwrap().is_success());
    // Once it is known, it goes along from the start.
    let before = device.provider.state().challenged.len();
    assert!(session.api.send(api(&device)).await.unwrap().is_success());
    assert!(session.api.user_info().await.is_ok());
    assert_eq!(device.provider.state().challenged.len(), before);
    assert_eq!(device.provider.refreshes().len(), 0);
}

#[tokio::test]
async fn a_proof_that_an_api_always_refuses_costs_no_refresh_either() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let body = r#"{"error":"invalid_dpop_proof"}"#.to_owned();
    device.provider.state().overrides.insert("/api", (401, body));
    assert_eq!(session.api.send(api(&device)).await.unwrap().status, 401);
    assert_eq!(device.provider.refreshes().len(), 0);
    assert!(device.provider.count("/api") <= 3);
}

#[tokio::test]
async fn an_api_request_may_meet_a_challenge_and_a_refused_token_in_one() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let token = session.latest().unwrap().secret().to_owned();
    device.provider.state().refused_access_tokens.insert(token);
    renew_nonce(&device, "nonce-2");
    assert!(session.api.send(api(&device)).await.unwrap().is_success());
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn a_bound_session_is_revoked_with_a_proof_also_later() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().down = true;
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Queued.into()));
    device.provider.state().down = false;
    renew_nonce(&device, "nonce-2");
    let restarted = device.process();
    restarted.send_revocations().await;
    assert_eq!(restarted.queued_revocations().await, 0);
    assert_eq!(device.provider.live_generation(), None);
    let state = device.provider.state();
    let revocation = state.requests.iter().find(|seen| seen.path == "/revoke").unwrap();
    assert!(revocation.proof_id.is_some());
}

#[tokio::test]
async fn a_revocation_whose_proof_is_refused_stays_queued() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let body = r#"{"error":"invalid_dpop_proof"}"#.to_owned();
    device.provider.state().overrides.insert("/revoke", (400, body));
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Queued.into()));
    device.provider.state().overrides.clear();
    let restarted = device.process();
    assert_eq!(restarted.queued_revocations().await, 1);
    restarted.send_revocations().await;
    assert_eq!(restarted.queued_revocations().await, 0);
    assert_eq!(device.provider.live_generation(), None);
}

#[tokio::test]
async fn what_a_late_answer_brings_after_a_sign_out_is_revoked_with_the_sessions_proof() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    session.sign_out_here().await.unwrap();
    gate.open();
    refreshing.await.unwrap().unwrap_err();
    session.send_revocations().await;
    let state = device.provider.state();
    let revocations: Vec<_> = state.requests.iter().filter(|seen| seen.path == "/revoke").collect();
    assert_eq!(revocations.len(), 2);
    assert!(revocations.iter().all(|seen| seen.proof_id.is_some()));
}

#[tokio::test]
async fn where_the_provider_has_no_dpop_a_sign_in_says_what_to_do_and_starts_nothing() {
    let device = Device::new().await;
    device.provider.state().binds = false;
    let session = device.process();
    let Err(Error::Misconfigured(what)) = device.sign_in(&session).await else { panic!("misconfigured") };
    assert!(what.contains("allow_bearer()"), "{what}");
    assert_eq!(device.provider.count("/token"), 0);
    assert!(!matches!(session.state(), SessionState::SigningIn));
}

#[tokio::test]
async fn where_the_app_accepts_bearer_tokens_a_provider_without_dpop_serves() {
    let device = Device::new().await;
    device.provider.state().binds = false;
    let session = device.lenient_process();
    device.sign_in(&session).await.unwrap();
    assert_eq!(token_type(&session), TokenType::Bearer);
    session.access_token(a_new_one(&session)).await.unwrap();
    assert!(session.api.send(api(&device)).await.unwrap().is_success());
    session.sign_out_here().await.unwrap();
    assert_eq!(device.provider.live_generation(), None);
    assert!(device.provider.state().requests.iter().all(|seen| seen.proof.is_none()));
}

#[tokio::test]
async fn an_app_that_accepts_bearer_tokens_gets_bound_ones_where_there_are_some() {
    let device = Device::new().await;
    let session = device.lenient_process();
    device.sign_in(&session).await.unwrap();
    assert_eq!(token_type(&session), TokenType::DPoP);
}

#[tokio::test]
async fn a_provider_that_offers_dpop_and_issues_bearer_tokens_is_refused_and_what_it_issued_revoked() {
    for token_type in [json!("Bearer"), json!(null)] {
        let device = Device::new().await;
        device.provider.state().token_type = Some(token_type);
        let session = device.process();
        let Err(Error::Refused { code, .. }) = device.sign_in(&session).await else { panic!("refused") };
        assert_eq!(code, "unbound_token");
        assert!(matches!(session.state(), SessionState::SignedOut(_)));
        session.send_revocations().await;
        assert_eq!(device.provider.live_generation(), None);
    }
}

#[tokio::test]
async fn a_refresh_that_says_bearer_loses_no_successor_and_the_session_stays_bound() {
    for said in [json!("Bearer"), json!(null), json!("dpop")] {
        let device = Device::new().await;
        let session = device.signed_in().await;
        device.provider.state().token_type = Some(said);
        for generation in 1..=2 {
            session.access_token(a_new_one(&session)).await.unwrap();
            assert_eq!(device.provider.live_generation(), Some(generation));
        }
        assert_eq!(token_type(&session), TokenType::DPoP);
        assert!(device.provider.refreshes().iter().all(|seen| seen.proof_id.is_some()));
        session.api.send(api(&device)).await.unwrap();
        let sent = device.provider.state().requests.last().unwrap().clone();
        assert!(sent.authorization.unwrap().starts_with("DPoP ") && sent.proof.is_some());
    }
}

/// RFC 9449 §5: the refresh token of a public client is bound also where the access token is a bearer token.
#[tokio::test]
async fn beside_a_bearer_token_the_key_stays_for_the_refresh_token() {
    let device = Device::new().await;
    device.provider.state().binds_refresh_tokens_alone = true;
    let session = device.lenient_process();
    device.sign_in(&session).await.unwrap();
    for generation in 1..=2 {
        assert_eq!(token_type(&session), TokenType::Bearer);
        assert!(session.api.send(api(&device)).await.unwrap().is_success());
        let sent = device.provider.state().requests.last().unwrap().clone();
        assert!(sent.authorization.unwrap().starts_with("Bearer ") && sent.proof.is_none());
        session.access_token(a_new_one(&session)).await.unwrap();
        assert_eq!(device.provider.live_generation(), Some(generation));
    }
    // The type is each token's own, also after a new start.
    device.provider.state().binds_refresh_tokens_alone = false;
    let restarted = device.lenient_process();
    assert_eq!(token_type(&restarted), TokenType::Bearer);
    restarted.access_token(a_new_one(&restarted)).await.unwrap();
    assert_eq!(token_type(&restarted), TokenType::DPoP);
    assert!(restarted.api.send(api(&device)).await.unwrap().is_success());
    assert_eq!(restarted.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
    assert_eq!(device.provider.live_generation(), None);
}

#[tokio::test]
async fn a_refresh_that_does_not_say_the_type_leaves_it_as_it_was() {
    let device = Device::new().await;
    let session = device.lenient_process();
    device.sign_in(&session).await.unwrap();
    device.provider.state().token_type = Some(json!(null));
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(token_type(&session), TokenType::DPoP);
    assert!(session.api.send(api(&device)).await.unwrap().is_success());
}

#[tokio::test]
async fn a_bound_session_never_sends_a_token_without_a_proof_though_discovery_stops_advertising_it() {
    let device = Device::new().await;
    device.signed_in().await;
    device.provider.state().says_that_it_binds = false;
    let session = device.lenient_process();
    session.access_token(a_new_one(&session)).await.unwrap();
    session.api.send(api(&device)).await.unwrap();
    session.sign_out_here().await.unwrap();
    let state = device.provider.state();
    let carries_a_token = |path: &str| ["/token", "/api", "/revoke"].contains(&path);
    for seen in state.requests.iter().filter(|seen| carries_a_token(&seen.path)) {
        assert!(seen.proof.is_some(), "{}", seen.path);
        assert!(!seen.authorization.as_deref().unwrap_or_default().starts_with("Bearer"));
    }
}

/// As a vault of format 1 holds it.
#[tokio::test]
async fn a_session_that_was_bearer_before_goes_on_as_bearer_until_it_ends() {
    let device = Device::new().await;
    device.provider.state().binds = false;
    let session = device.lenient_process();
    device.sign_in(&session).await.unwrap();
    device.provider.state().binds = true;
    // The stored metadata is old enough to be requested again when it does not allow what is asked.
    device.clock.pass(Duration::from_secs(10));
    let session = device.process();
    session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(token_type(&session), TokenType::Bearer);
    assert!(session.api.send(api(&device)).await.unwrap().is_success());
    session.sign_out_here().await.unwrap();
    assert_eq!(device.provider.live_generation(), None);
    device.sign_in(&session).await.unwrap();
    assert_eq!(token_type(&session), TokenType::DPoP);
}

#[tokio::test]
async fn a_stolen_token_without_the_key_is_of_no_use_and_its_owner_goes_on() {
    let device = Device::new().await;
    let owner = device.signed_in().await;
    owner.access_token(a_new_one(&owner)).await.unwrap();
    // All that the thief lacks is the key.
    let account = device.builder().account("thief").build().unwrap();
    let thief = device.open(account);
    device.sign_in(&thief).await.unwrap();
    let stolen = owner.stored_state().await;
    let forge = thief.store.update(WhenLost::Fail, move |account| {
        let (StoredState::SignedIn(mine), Some(stolen)) = (&mut account.state, stolen.session()) else {
            panic!("both are signed in")
        };
        mine.refresh_token = stolen.refresh_token.clone();
        mine.access_token = stolen.access_token.clone();
        Change::Write(())
    });
    forge.await.unwrap();
    let request = Request::get_json(Url::parse(&api(&device).url).unwrap());
    let credentials = thief.latest().unwrap();
    let answer = thief.provider.send(&request, credentials.credentials()).await;
    assert_eq!(answer.unwrap().status, 401);
    let bearer = Credentials { key: None, ..credentials.credentials() };
    assert_eq!(thief.provider.send(&request, bearer).await.unwrap().status, 401);
    thief.access_token(a_new_one(&thief)).await.unwrap_err();
    thief.sign_out_here().await.unwrap();
    owner.access_token(a_new_one(&owner)).await.unwrap();
    assert!(owner.api.send(api(&device)).await.unwrap().is_success());
    assert!(!device.provider.state().sessions[0].revoked);
}

/// As an app's own HTTP client does.
async fn send_by_hand(device: &Device, url: &str, headers: &RequestHeaders) -> Response {
    let transport = Transport::new(&device.configuration(), NetworkParts::default()).unwrap();
    let value = |text: &str| HeaderValue::try_from(text).unwrap();
    let request = Request::get_json(Url::parse(url).unwrap())
        .header(header::AUTHORIZATION, value(headers.authorization()))
        .header(HeaderName::from_static("dpop"), value(headers.dpop().unwrap()));
    transport.send(request).await.unwrap()
}

#[tokio::test]
async fn headers_take_no_waiting_while_the_token_is_in_memory_and_its_key_in_this_process() {
    let device = Device::new().await;
    let session = device.process();
    let url = format!("{}/api", device.provider.issuer);
    let held = |method: &str, url: &str, seconds: u64| {
        session.api.held_request_headers(method, url, &Duration::from_secs(seconds).into())
    };
    assert!(held("GET", &url, 0).is_none(), "nobody is signed in");
    device.sign_in(&session).await.unwrap();
    assert_eq!(send_by_hand(&device, &url, &held("GET", &url, 0).unwrap()).await.status, 200);
    device.clock.pass(Duration::from_secs(1_000));
    assert!(held("GET", &url, 0).is_none(), "the token has expired");
    session.access_token(any()).await.unwrap();
    assert!(held("GET", &url, 0).is_some());
    assert!(held("GET", "https://evil.example/api", 0).is_none());
    assert!(held("no method", &url, 0).is_none());
    session.sign_out_here().await.unwrap();
    assert!(held("GET", &url, 0).is_none(), "signed out");
}

#[tokio::test]
async fn an_app_with_its_own_client_gets_headers_that_serve_once() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let url = format!("{}/api?page=2#top", device.provider.issuer);
    let send = async |headers: &RequestHeaders| send_by_hand(&device, &url, headers).await;
    renew_nonce(&device, "nonce-2");
    let headers = session.api.request_headers("GET", &url, &Duration::ZERO.into()).await.unwrap();
    let answer = send(&headers).await;
    assert_eq!(answer.status, 401);
    session.api.learn_nonce(&url, answer.headers["dpop-nonce"].to_str().unwrap()).unwrap();
    let headers = session.api.request_headers("GET", &url, &Duration::ZERO.into()).await.unwrap();
    assert_eq!(send(&headers).await.status, 200);
    assert_eq!(send(&headers).await.status, 401);
    for url in ["https://evil.example/api", "/api"] {
        let refused = session.api.request_headers("GET", url, &Duration::ZERO.into()).await;
        assert!(matches!(refused, Err(Error::Misconfigured(_))), "{url}");
        assert!(matches!(session.api.learn_nonce(url, "n"), Err(Error::Misconfigured(_))), "{url}");
    }
}
