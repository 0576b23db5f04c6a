//! Sign-ins on another device (RFC 8628).

use std::{sync::Arc, time::Duration};

use serde_json::json;

use crate::{
    DeviceAuthorization, DeviceSignInOptions, Error, SessionState, SignInOptions, SignedOutReason, User,
    session::Session,
    testing::{Device, Fault, Gate, a_new_one},
};

const NEVER: SessionState = SessionState::SignedOut(SignedOutReason::NeverSignedIn);
const PENDING: &str = r#"{"error":"authorization_pending"}"#;
const SLOW_DOWN: &str = r#"{"error":"slow_down"}"#;

async fn start(session: &Session) -> Result<DeviceAuthorization, Error> {
    session.sign_in.start_device(DeviceSignInOptions::default()).await
}

fn finishing(
    session: &Arc<Session>,
    authorization: &DeviceAuthorization,
) -> tokio::task::JoinHandle<Result<User, Error>> {
    let (session, id) = (session.clone(), authorization.id.clone());
    tokio::spawn(async move { session.finish_device_sign_in(&id).await })
}

/// Polls once, without a wait.
async fn poll(session: &Session, authorization: &DeviceAuthorization) -> Result<u64, Error> {
    match session.sign_in.poll_device(&authorization.id, 0).await? {
        crate::sign_in::Polled::Again(again) => Ok(again.after.as_secs()),
        crate::sign_in::Polled::SignedIn(_) => panic!("signed in"),
    }
}

async fn pending_logins(session: &Session) -> usize {
    session.look(|account| account.map_or(0, |account| account.logins.len())).await.unwrap()
}

#[tokio::test]
async fn a_user_signs_in_on_another_device_and_the_tokens_are_bound_to_this_one() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    assert_eq!(session.state(), SessionState::SigningIn);
    assert_eq!((authorization.user_code.as_str(), authorization.interval.as_secs()), ("WDJB-MJH0", 5));
    assert!(authorization.verification_uri.ends_with("/enter"));
    assert!(
        authorization.verification_uri_complete.as_ref().unwrap().ends_with("/enter?user_code=WDJB-MJH0")
    );
    assert_eq!(format!("{authorization:?}"), "DeviceAuthorization([redacted])");
    assert_eq!(poll(&session, &authorization).await, Ok(5));
    device.provider.state().devices.approve();
    let user = finishing(&session, &authorization).await.unwrap().unwrap();
    assert_eq!(user.subject, "ada");
    assert_eq!(session.state(), SessionState::SignedIn(user.clone()));
    {
        let state = device.provider.state();
        let asked = state.requests.iter().find(|seen| seen.path == "/device").unwrap();
        assert_eq!(
            (asked.form["client_id"].as_str(), asked.form["scope"].as_str()),
            ("notes", "openid offline_access")
        );
        assert!(state.sessions[0].thumbprint.is_some(), "the tokens are bound");
        let polls: Vec<_> = state.requests.iter().filter(|seen| seen.path == "/token").collect();
        assert!(
            polls
                .iter()
                .all(|seen| seen.form["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code")
        );
        assert!(polls.iter().all(|seen| seen.proof_id.is_some()));
    }
    // The same id again, also in another process, returns the same user and sends nothing.
    let sent = device.provider.count("/token");
    assert_eq!(finishing(&device.process(), &authorization).await.unwrap().unwrap(), user);
    assert_eq!(device.provider.count("/token"), sent);
    session.access_token(a_new_one(&session)).await.unwrap();
}

#[tokio::test]
async fn polls_go_on_until_the_user_has_decided() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    let gate = Gate::new();
    for _ in 0..3 {
        device.provider.fault(Fault::Instead(400, PENDING));
    }
    device.provider.fault(Fault::HoldInstead(gate.clone(), 400, PENDING));
    let finishing = finishing(&session, &authorization);
    gate.reached().await;
    device.provider.state().devices.approve();
    gate.open();
    assert_eq!(finishing.await.unwrap().unwrap().subject, "ada");
    assert_eq!(device.provider.count("/token"), 5);
}

#[tokio::test]
async fn slow_down_makes_the_interval_longer_for_all_later_polls_and_processes() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    device.provider.fault(Fault::Instead(400, SLOW_DOWN));
    // As some providers write it.
    device.provider.fault(Fault::Instead(429, SLOW_DOWN));
    assert_eq!(poll(&session, &authorization).await, Ok(10));
    assert_eq!(poll(&session, &authorization).await, Ok(15));
    assert_eq!(poll(&session, &authorization).await, Ok(15));
    let other = device.process();
    assert_eq!(poll(&other, &authorization).await, Ok(15));
    let pending = other.sign_in.pending_device().await.unwrap().unwrap();
    assert_eq!(pending.interval.as_secs(), 15);
}

#[tokio::test]
async fn another_process_goes_on_with_the_code_that_is_in_the_vault() {
    let device = Device::new().await;
    let authorization = start(&device.process()).await.unwrap();
    let sealed = std::fs::read(device.folder().join("vault.moorline")).unwrap();
    assert!(!sealed.windows(11).any(|bytes| bytes == b"seen-device"), "the code is sealed");
    let session = device.process();
    assert_eq!(session.state(), NEVER);
    let pending = session.sign_in.pending_device().await.unwrap().unwrap();
    assert_eq!(pending, authorization);
    let gate = Gate::new();
    device.provider.fault(Fault::HoldInstead(gate.clone(), 400, PENDING));
    let finishing = finishing(&session, &pending);
    gate.reached().await;
    assert_eq!(session.state(), SessionState::SigningIn);
    device.provider.state().devices.approve();
    gate.open();
    finishing.await.unwrap().unwrap();
    assert_eq!(session.sign_in.pending_device().await.unwrap(), None);
}

#[tokio::test]
async fn a_process_that_polls_for_a_code_that_another_has_just_spent_leaves_the_sign_in_to_it() {
    let device = Device::new().await;
    let (one, other) = (device.process(), device.process());
    let authorization = start(&one).await.unwrap();
    device.provider.state().devices.approve();
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let finishing_one = finishing(&one, &authorization);
    gate.reached().await;
    assert_eq!(poll(&other, &authorization).await, Ok(5), "invalid_grant, and the sign-in is still there");
    gate.open();
    let user = finishing_one.await.unwrap().unwrap();
    assert_eq!(finishing(&other, &authorization).await.unwrap(), Ok(user));
    assert_eq!(device.provider.live_generation(), Some(0));
}

#[tokio::test]
async fn what_the_provider_or_the_user_decides_ends_the_sign_in() {
    for (error, expected) in [
        ("access_denied", Error::Cancelled),
        ("expired_token", Error::refused("expired_token", "the code has expired")),
        ("invalid_grant", Error::refused("invalid_grant", "")),
        ("unauthorized_client", Error::refused("unauthorized_client", "")),
    ] {
        let device = Device::new().await;
        let session = device.process();
        let authorization = start(&session).await.unwrap();
        device.provider.state().devices.refuse(error);
        assert_eq!(finishing(&session, &authorization).await.unwrap(), Err(expected), "{error}");
        assert_eq!((session.state(), pending_logins(&session).await), (NEVER, 0), "{error}");
        assert_eq!(finishing(&session, &authorization).await.unwrap(), Err(Error::Cancelled));
        assert_eq!(device.provider.count("/token"), 1 + usize::from(error == "invalid_grant"));
    }
}

#[tokio::test]
async fn a_code_that_has_expired_here_is_polled_for_once_more_and_no_longer() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    device.clock.pass(Duration::from_secs(601));
    assert_eq!(session.sign_in.pending_device().await.unwrap(), None);
    let error = finishing(&session, &authorization).await.unwrap().unwrap_err();
    assert_eq!(error.refusal(), Some("expired_token"));
    assert_eq!((session.state(), device.provider.count("/token")), (NEVER, 1));
    // The user was in time, and this device was asleep.
    let authorization = start(&session).await.unwrap();
    device.provider.state().devices.approve();
    device.clock.pass(Duration::from_secs(601));
    finishing(&session, &authorization).await.unwrap().unwrap();
}

#[tokio::test]
async fn trouble_of_the_network_backs_off_and_does_not_end_the_polls() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    let again = async |failures| match session.sign_in.poll_device(&authorization.id, failures).await {
        Ok(crate::sign_in::Polled::Again(again)) => (again.after.as_secs(), again.failures),
        other => panic!("{other:?}"),
    };
    for (failures, after) in [(0, 5), (1, 10), (2, 20), (3, 40), (4, 60), (40, 60)] {
        device.provider.fault(Fault::Instead(502, "<html>Bad gateway</html>"));
        assert_eq!(again(failures).await, (after, failures + 1));
    }
    device.provider.fault(Fault::Instead(403, r#"{"error":"Forbidden"}"#));
    assert_eq!(again(0).await.0, 5);
    device.provider.fault(Fault::Instead(200, "<html>Welcome to the hotel</html>"));
    device.provider.fault(Fault::Odd(|_| {
        let page = "x".repeat(2 << 20);
        format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n{page}", page.len()).into_bytes()
    }));
    assert_eq!(again(0).await.0, 5);
    assert_eq!(again(0).await.0, 5);
    // An answer sets it back.
    assert_eq!(again(7).await, (5, 0));
    device.provider.fault(Fault::Instead(502, ""));
    device.provider.fault(Fault::Instead(400, PENDING));
    device.provider.fault(Fault::Instead(502, ""));
    device.provider.state().devices.approve();
    finishing(&session, &authorization).await.unwrap().unwrap();
    assert_eq!(session.queued_revocations().await, 0);
}

#[tokio::test]
async fn a_network_that_is_away_until_the_code_expires_is_reported_and_the_sign_in_is_kept() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    device.provider.state().down = true;
    device.clock.pass(Duration::from_secs(601));
    assert_eq!(finishing(&session, &authorization).await.unwrap(), Err(Error::offline()));
    assert_eq!(pending_logins(&session).await, 1);
    device.provider.state().down = false;
    device.provider.state().devices.approve();
    finishing(&session, &authorization).await.unwrap().unwrap();
}

#[tokio::test]
async fn tokens_that_were_issued_are_not_lost_by_a_hiccup_behind_them() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    device.provider.state().devices.approve();
    device.provider.state().overrides.insert("/jwks", (503, String::new()));
    assert_eq!(poll(&session, &authorization).await, Ok(1));
    assert_eq!(poll(&session, &authorization).await, Ok(1));
    device.provider.state().overrides.clear();
    finishing(&session, &authorization).await.unwrap().unwrap();
    assert_eq!(device.provider.count("/token"), 1, "the code was sent once");
    assert_eq!(device.provider.live_generation(), Some(0));
}

#[tokio::test]
async fn tokens_that_can_not_be_kept_are_revoked() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    device.provider.state().devices.approve();
    device.provider.state().claims = json!({ "aud": "another" });
    let error = finishing(&session, &authorization).await.unwrap().unwrap_err();
    assert_eq!((error.refusal(), session.state()), (Some("invalid_id_token"), NEVER));
    session.send_revocations().await;
    assert_eq!(device.provider.live_generation(), None);
}

#[tokio::test]
async fn tokens_of_a_sign_in_that_was_cancelled_meanwhile_are_revoked() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    device.provider.state().devices.approve();
    device.provider.state().overrides.insert("/jwks", (503, String::new()));
    poll(&session, &authorization).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(0));
    session.sign_in.cancel().await.unwrap();
    assert_eq!(finishing(&session, &authorization).await.unwrap(), Err(Error::Cancelled));
    session.send_revocations().await;
    assert_eq!(device.provider.live_generation(), None);
}

#[tokio::test]
async fn a_cancelled_sign_in_ends_the_wait_at_once() {
    let device = Device::new().await;
    // Minutes would pass otherwise.
    device.provider.state().devices.answer = json!({ "interval": 60 });
    let session = Session::open(
        device.configuration(),
        device.platform(),
        crate::account::Patience::DEFAULT,
        device.disk.clone(),
    )
    .unwrap();
    session.store.loaded().await;
    for sign_out in [false, true] {
        let authorization = start(&session).await.unwrap();
        let mut finishing = finishing(&session, &authorization);
        let mut states = session.states();
        while states.next().await != Some(SessionState::SigningIn) {}
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut finishing).await.is_err());
        if sign_out {
            session.sign_out_here().await.unwrap();
        } else {
            session.sign_in.cancel().await.unwrap();
        }
        assert_eq!(finishing.await.unwrap(), Err(Error::Cancelled));
        assert_ne!(session.state(), SessionState::SigningIn);
    }
    assert_eq!(device.provider.count("/token"), 0);
}

#[tokio::test]
async fn a_caller_that_stops_waiting_stops_the_polls_and_the_sign_in_goes_on() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    let gate = Gate::new();
    device.provider.fault(Fault::HoldInstead(gate.clone(), 400, PENDING));
    let waiting = finishing(&session, &authorization);
    gate.reached().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    gate.open();
    assert_eq!((pending_logins(&session).await, session.state()), (1, SessionState::SigningIn));
    device.provider.state().devices.approve();
    finishing(&session, &authorization).await.unwrap().unwrap();
    assert_eq!(device.provider.count("/token"), 2);
}

#[tokio::test]
async fn a_provider_without_the_grant_or_without_dpop_is_reported_before_anything_is_shown() {
    let device = Device::new().await;
    device.provider.state().devices.offered = false;
    let session = device.process();
    assert_eq!(start(&session).await.unwrap_err().refusal(), Some("device_grant_not_supported"));
    // Metadata that was read before the provider had it is read again.
    device.provider.state().devices.offered = true;
    device.clock.pass(Duration::from_secs(3_600));
    start(&session).await.unwrap();
    let device = Device::new().await;
    device.provider.state().binds = false;
    assert!(matches!(start(&device.process()).await, Err(Error::Misconfigured(_))));
    let lenient = device.lenient_process();
    let authorization = start(&lenient).await.unwrap();
    device.provider.state().devices.approve();
    finishing(&lenient, &authorization).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_that_can_not_be_used_leaves_no_sign_in() {
    for (status, body) in [(200, "<html>"), (500, ""), (400, r#"{"error":"invalid_scope"}"#), (200, "{}")] {
        let device = Device::new().await;
        let session = device.process();
        device.provider.state().overrides.insert("/device", (status, body.into()));
        start(&session).await.unwrap_err();
        assert_eq!((session.state(), pending_logins(&session).await), (NEVER, 0), "{status} {body}");
    }
    let device = Device::new().await;
    device.provider.state().overrides.insert("/device", (429, String::new()));
    assert!(matches!(start(&device.process()).await, Err(Error::RateLimited { .. })));
    let smuggled = DeviceSignInOptions { extra: vec![("client_id".into(), "other".into())] };
    assert!(matches!(device.process().sign_in.start_device(smuggled).await, Err(Error::Misconfigured(_))));
}

#[tokio::test]
async fn further_parameters_are_sent_once_each() {
    let device = Device::new().await;
    let configuration =
        device.builder().authorization_parameter("audience", "a").authorization_parameter("x", "1");
    let session = device.open(configuration.build().unwrap());
    let options = DeviceSignInOptions { extra: vec![("audience".into(), "b".into())] };
    session.sign_in.start_device(options).await.unwrap();
    let state = device.provider.state();
    let form = &state.requests.iter().find(|seen| seen.path == "/device").unwrap().form;
    assert_eq!((form["audience"].as_str(), form["x"].as_str(), form.len()), ("b", "1", 4));
}

#[tokio::test]
async fn no_callback_belongs_to_a_sign_in_on_another_device_and_no_code_to_one_in_the_browser() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    let callback = format!("com.example.notes:/signed-in?code=c&state={}", authorization.id);
    assert!(!session.sign_in.owns(&callback).await.unwrap());
    assert_eq!(session.sign_in.finish(&callback).await.unwrap_err().refusal(), Some("state_mismatch"));
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    let error = session.finish_device_sign_in(&request.state).await;
    assert_eq!(error, Err(Error::Cancelled));
    // Both are still there, and the first that is finished takes the place of the other.
    assert_eq!(pending_logins(&session).await, 2);
    session.sign_in.finish(&device.provider.authorize(&request.url)).await.unwrap();
    assert_eq!(finishing(&session, &authorization).await.unwrap(), Err(Error::Cancelled));
}

#[tokio::test]
async fn a_storage_that_fails_behind_the_tokens_keeps_them_for_the_next_call() {
    let device = Device::new().await;
    let session = device.process();
    let authorization = start(&session).await.unwrap();
    device.provider.state().devices.approve();
    device.disk.fill(true);
    let error = finishing(&session, &authorization).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::StorageUnavailable(_)), "{error:?}");
    device.disk.fill(false);
    finishing(&session, &authorization).await.unwrap().unwrap();
    assert_eq!(device.provider.count("/token"), 1);
}
