//! Sessions whose key is in the platform's signer.

use std::{
    future::Future as _,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use ::http::Method;
use url::Url;

use crate::{
    Error, HttpRequest, ReauthReason, RevocationOutcome, SessionState, SignInOptions, SignerError,
    StorageLostReason, StorageUnavailableReason,
    account::end_of_lost_key,
    secret::Secret,
    session::Session,
    testing::{Device, Fault, Gate, Hardware, a_new_one, any, hardware::Form, refreshing_held},
};

const KEY_GONE: ReauthReason = ReauthReason::StorageLost(StorageLostReason::KeyGone);

async fn device() -> (Device, Arc<Hardware>) {
    let hardware = Arc::<Hardware>::default();
    let mut device = Device::new().await;
    device.signer = Some(hardware.clone());
    (device, hardware)
}

fn api(device: &Device) -> HttpRequest {
    HttpRequest::get(&format!("{}/api", device.provider.issuer))
}

fn thumbprint(device: &Device) -> String {
    device.provider.state().sessions.last().unwrap().thumbprint.clone().unwrap()
}

fn requests(device: &Device) -> usize {
    let state = device.provider.state();
    state.requests.len() + state.challenged.len()
}

/// All that can be done with a session's key.
async fn use_key(device: &Device, session: &Session) -> [Option<Error>; 3] {
    let url = format!("{}/api", device.provider.issuer);
    [
        session.access_token(a_new_one(session)).await.err(),
        session.api.send(api(device)).await.err(),
        session.api.request_headers("GET", &url, &Duration::ZERO.into()).await.err(),
    ]
}

#[tokio::test]
async fn a_new_session_has_its_key_in_the_signer_and_only_its_name_in_the_vault() {
    let (device, hardware) = device().await;
    for form in [Form::Der, Form::Fixed] {
        hardware.form(form);
        let session = device.signed_in().await;
        let url = format!("{}/api", device.provider.issuer);
        let held = session.api.held_request_headers("GET", &url, &Duration::ZERO.into());
        assert!(held.is_none(), "the signer is on another thread");
        assert_eq!(use_key(&device, &session).await, [None, None, None]);
        let restarted = device.process();
        assert_eq!(use_key(&device, &restarted).await, [None, None, None]);
        let key = restarted.stored_state().await.session().unwrap().proof_key.clone().unwrap();
        assert_eq!(hardware.key_ids(), [key.of_signer().unwrap().id.clone()], "and no other key");
        assert_eq!(key.thumbprint(), thumbprint(&device));
        assert!(Secret::from(key).expose().starts_with("signer:"));
        assert_eq!(restarted.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
        assert!(hardware.key_ids().is_empty());
    }
}

#[tokio::test]
async fn a_session_with_a_software_key_keeps_it_until_the_next_sign_in() {
    let (mut device, hardware) = device().await;
    let signer = device.signer.take();
    drop(device.signed_in().await);
    let software = thumbprint(&device);
    device.signer = signer;
    let session = device.process();
    assert_eq!(use_key(&device, &session).await, [None, None, None]);
    assert_eq!((thumbprint(&device), hardware.signatures()), (software.clone(), 0));
    device.sign_in(&session).await.unwrap();
    session.send_revocations().await;
    assert_eq!(use_key(&device, &session).await, [None, None, None]);
    assert_ne!(thumbprint(&device), software);
    assert!(hardware.signatures() > 0);
    // The old session was revoked with its own key.
    assert!(device.provider.state().sessions[0].revoked);
    assert!(!device.provider.state().sessions[1].revoked);
}

#[tokio::test]
async fn a_key_of_this_process_signs_at_once_where_its_caller_is() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let (token, url) = (session.latest().unwrap(), Url::parse(&device.provider.issuer).unwrap());
    let credentials = token.credentials();
    let headers = session.provider.headers(&Method::GET, &url, credentials.key, token.as_secret());
    let polled = pin!(headers).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok((_, Some(_))))));
}

#[tokio::test]
async fn a_signer_that_cannot_sign_at_present_changes_nothing_and_nothing_is_sent() {
    for (trouble, reason) in [
        (SignerError::Locked, StorageUnavailableReason::Locked),
        (SignerError::TimedOut, StorageUnavailableReason::Busy),
        (SignerError::Unavailable("none".into()), StorageUnavailableReason::NoKeyStore),
        (SignerError::Failed("a bug".into()), StorageUnavailableReason::Failed),
    ] {
        let (device, hardware) = device().await;
        let session = device.signed_in().await;
        hardware.trouble(trouble);
        let before = requests(&device);
        let error = Some(Error::StorageUnavailable(reason));
        for _ in 0..3 {
            assert_eq!(use_key(&device, &session).await, [(); 3].map(|()| error.clone()));
        }
        assert_eq!(requests(&device), before);
        assert!(matches!(session.state(), SessionState::SignedIn(_)));
        assert!(matches!(device.process().state(), SessionState::SignedIn(_)));
        hardware.trouble(None);
        assert_eq!(use_key(&device, &session).await, [None, None, None]);
        assert_eq!(device.provider.live_generation(), Some(1));
    }
}

#[tokio::test]
async fn a_signature_that_does_not_verify_is_never_sent() {
    for form in [Form::OfAnotherMessage, Form::Empty, Form::Panics] {
        let (device, hardware) = device().await;
        let session = device.signed_in().await;
        hardware.form(form);
        let before = requests(&device);
        let failed = Some(Error::StorageUnavailable(StorageUnavailableReason::Failed));
        assert_eq!(use_key(&device, &session).await, [(); 3].map(|()| failed.clone()));
        assert_eq!(requests(&device), before);
        hardware.form(Form::Der);
        assert_eq!(use_key(&device, &session).await, [None, None, None]);
    }
}

#[tokio::test]
async fn a_locked_signer_starts_no_sign_in_and_leaves_nothing_behind() {
    let (device, hardware) = device().await;
    let session = device.process();
    hardware.trouble(SignerError::Locked);
    let locked = Error::StorageUnavailable(StorageUnavailableReason::Locked);
    assert_eq!(device.sign_in(&session).await, Err(locked));
    assert!(matches!(session.state(), SessionState::SignedOut(_)));
    hardware.trouble(None);
    assert!(hardware.key_ids().is_empty());
    device.sign_in(&session).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_gone_ends_the_session_at_whatever_use() {
    for first in 0..3 {
        let (device, hardware) = device().await;
        let session = device.signed_in().await;
        hardware.lose_keys();
        let before = requests(&device);
        let url = format!("{}/api", device.provider.issuer);
        let error = match first {
            0 => session.access_token(a_new_one(&session)).await.unwrap_err(),
            1 => session.api.send(api(&device)).await.unwrap_err(),
            _ => session.api.request_headers("GET", &url, &Duration::ZERO.into()).await.unwrap_err(),
        };
        assert_eq!(error, Error::NeedsReauth(KEY_GONE));
        for process in [&session, &device.process()] {
            assert_eq!(process.state(), SessionState::NeedsReauth(KEY_GONE));
            assert_eq!(process.access_token(any()).await.unwrap_err(), Error::NeedsReauth(KEY_GONE));
            assert_eq!(process.queued_revocations().await, 0, "nobody can send them");
        }
        assert_eq!(requests(&device), before);
        device.sign_in(&session).await.unwrap();
        assert_eq!(use_key(&device, &session).await, [None, None, None]);
    }
}

#[tokio::test]
async fn a_key_that_is_gone_ends_only_the_session_that_is_bound_to_it() {
    let (device, _) = device().await;
    let session = device.signed_in().await;
    let old = session.stored_state().await.session().unwrap().proof_key.clone().unwrap();
    device.sign_in(&session).await.unwrap();
    let error = end_of_lost_key(&session.store, &old).await;
    assert_eq!(error, Error::StorageUnavailable(StorageUnavailableReason::Busy));
    assert_eq!(use_key(&device, &session).await, [None, None, None]);
}

#[tokio::test]
async fn a_lost_answer_is_answered_again_and_each_send_is_signed_anew() {
    let (device, _) = device().await;
    let session = device.signed_in().await;
    for _ in 0..2 {
        device.provider.fault(Fault::LoseAnswer);
    }
    session.access_token(a_new_one(&session)).await.unwrap();
    let refreshes = device.provider.refreshes();
    assert_eq!((refreshes.len(), device.provider.live_generation()), (3, Some(1)));
    assert!(refreshes.iter().all(|seen| seen.form == refreshes[0].form));
    assert!(refreshes[0].proof_id != refreshes[1].proof_id && refreshes[1].proof_id != refreshes[2].proof_id);
}

/// A refresh without a clear answer; then comes `trouble`, before it is sent again.
async fn lost_answer_then(device: &Device, session: &Arc<Session>, trouble: impl FnOnce()) -> Error {
    let gate = Gate::new();
    device.provider.fault(Fault::HoldInstead(gate.clone(), 503, ""));
    let waiting = session.clone();
    let refresh = tokio::spawn(async move { waiting.access_token(a_new_one(&waiting)).await });
    gate.reached().await;
    trouble();
    gate.open();
    refresh.await.unwrap().unwrap_err()
}

#[tokio::test]
async fn a_device_that_is_locked_between_two_sends_sends_the_same_attempt_later() {
    let (device, hardware) = device().await;
    let session = device.signed_in().await;
    let error = lost_answer_then(&device, &session, || hardware.trouble(SignerError::Locked)).await;
    assert_eq!(error, Error::StorageUnavailable(StorageUnavailableReason::Locked));
    assert_eq!(device.provider.refreshes().len(), 1);
    hardware.trouble(None);
    let restarted = device.process();
    restarted.access_token(a_new_one(&restarted)).await.unwrap();
    let refreshes = device.provider.refreshes();
    assert_eq!(refreshes.len(), 2);
    assert_eq!(refreshes[0].form, refreshes[1].form);
    assert_ne!(refreshes[0].proof_id, refreshes[1].proof_id);
}

#[tokio::test]
async fn a_key_that_is_lost_between_two_sends_ends_the_session() {
    let (device, hardware) = device().await;
    let session = device.signed_in().await;
    let error = lost_answer_then(&device, &session, || hardware.lose_keys()).await;
    assert_eq!(error, Error::NeedsReauth(KEY_GONE));
    assert_eq!(device.process().state(), SessionState::NeedsReauth(KEY_GONE));
}

#[tokio::test]
async fn a_process_that_dies_after_it_sent_leaves_a_session_whose_key_signs_for_the_next() {
    let (device, _) = device().await;
    for knows_attempts in [true, false] {
        device.provider.state().knows_attempts = knows_attempts;
        drop(device.signed_in().await);
        let dying = device.process();
        let metadata = dying.provider.metadata().await.unwrap();
        let sending = dying.begin(knows_attempts).await.unwrap().unwrap();
        if knows_attempts {
            dying.provider.refresh(&metadata, &sending).await.unwrap();
        }
        drop(dying);
        let next = device.process();
        assert_eq!(use_key(&device, &next).await, [None, None, None], "{knows_attempts}");
        assert_eq!(device.provider.live_generation(), Some(1));
    }
}

#[tokio::test]
async fn a_key_that_is_gone_during_a_sign_in_ends_that_one_and_leaves_the_session() {
    let (device, hardware) = device().await;
    let session = device.signed_in().await;
    let kept = hardware.key_ids();
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    hardware.lose_keys_but(&kept);
    let callback = device.provider.authorize(&request.url);
    let Err(Error::Refused { code, .. }) = session.sign_in.finish(&callback).await else { panic!("refused") };
    assert_eq!(code, "key_gone");
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
    assert_eq!(use_key(&device, &session).await, [None, None, None]);
    let Err(Error::Refused { code, .. }) = session.sign_in.finish(&callback).await else { panic!("refused") };
    assert_eq!(code, "state_mismatch", "it has ended");
}

#[tokio::test]
async fn keys_of_sign_ins_that_come_to_nothing_are_deleted() {
    let (device, hardware) = device().await;
    let session = device.process();
    for _ in 0..9 {
        session.sign_in.start(SignInOptions::default()).await.unwrap();
    }
    assert_eq!(hardware.key_ids().len(), 4, "as many as there are sign-ins");
    session.sign_in.cancel().await.unwrap();
    assert!(hardware.key_ids().is_empty());
    // Denied by the user.
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    let denied = format!("com.example.notes:/signed-in?error=access_denied&state={}", request.state);
    let denied = format!("{denied}&iss={}", device.provider.issuer);
    assert_eq!(session.sign_in.finish(&denied).await, Err(Error::Cancelled));
    assert!(hardware.key_ids().is_empty());
    // Refused before the browser was opened.
    device.provider.state().takes_pushed_requests = true;
    device.clock.pass(Duration::from_secs(10));
    let fresh = device.open(device.builder().account("fresh").build().unwrap());
    let refused = r#"{"error":"invalid_request"}"#.to_owned();
    device.provider.state().overrides.insert("/par", (400, refused));
    fresh.sign_in.start(SignInOptions::default()).await.unwrap_err();
    assert!(hardware.key_ids().is_empty());
}

#[tokio::test]
async fn a_key_stays_until_the_token_that_only_it_can_revoke_is_revoked() {
    let (device, hardware) = device().await;
    let session = device.signed_in().await;
    device.provider.state().down = true;
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Queued.into()));
    session.revocations.idle(Duration::from_secs(600)).await;
    assert_eq!(hardware.key_ids().len(), 1);
    device.provider.state().down = false;
    let restarted = device.process();
    restarted.send_revocations().await;
    assert_eq!((restarted.queued_revocations().await, device.provider.live_generation()), (0, None));
    assert!(hardware.key_ids().is_empty());
}

#[tokio::test]
async fn a_queued_revocation_whose_key_is_gone_is_taken_off_the_queue_and_the_others_are_sent() {
    let (device, hardware) = device().await;
    let session = device.signed_in().await;
    device.provider.state().down = true;
    session.sign_out_here().await.unwrap();
    session.revocations.idle(Duration::from_secs(600)).await;
    hardware.lose_keys();
    device.provider.state().down = false;
    device.sign_in(&session).await.unwrap();
    session.revocations.idle(Duration::from_secs(600)).await;
    assert_eq!(session.sign_out_here().await, Ok(RevocationOutcome::Revoked.into()));
    assert_eq!(session.queued_revocations().await, 0);
    assert!(device.provider.state().sessions[1].revoked);
}

#[tokio::test]
async fn a_key_is_never_deleted_before_the_vault_is_durable_without_it() {
    let (device, hardware) = device().await;
    let session = device.signed_in().await;
    let mut before = 0;
    loop {
        device.disk.fail_after(before, std::io::ErrorKind::Other);
        let outcome = session.sign_out_here().await;
        let failed = device.disk.has_failed();
        let signed_in = matches!(device.process().state(), SessionState::SignedIn(_));
        assert!(!signed_in || hardware.key_ids().len() == 1, "after {before} changes");
        if !failed {
            outcome.unwrap();
            break;
        }
        before += 1;
        if !signed_in {
            session.send_revocations().await;
            device.sign_in(&session).await.unwrap();
        }
    }
    assert!(before > 2, "{before}");
    session.send_revocations().await;
    assert!(hardware.key_ids().is_empty());
}

#[tokio::test]
async fn a_key_that_cannot_be_deleted_now_is_deleted_by_a_later_process() {
    let (device, hardware) = device().await;
    let session = device.signed_in().await;
    let ended = hardware.key_ids();
    hardware.keeps_keys(SignerError::Locked);
    session.sign_out_here().await.unwrap();
    session.send_revocations().await;
    assert_eq!(hardware.key_ids(), ended);
    drop(session);
    hardware.keeps_keys(None);
    let session = device.process();
    device.sign_in(&session).await.unwrap();
    let live = hardware.key_ids();
    assert_eq!(live.len(), 1);
    assert_ne!(live, ended);
}

#[tokio::test]
async fn what_a_late_answer_brings_after_a_sign_out_is_revoked_with_the_key_which_then_goes() {
    let (device, hardware) = device().await;
    let session = device.signed_in().await;
    let (gate, refreshing) = refreshing_held(&device, &session, Fault::HoldAnswer).await;
    session.sign_out_here().await.unwrap();
    assert_eq!(hardware.key_ids().len(), 1, "the answer is under way");
    gate.open();
    refreshing.await.unwrap().unwrap_err();
    session.send_revocations().await;
    let revocations = device.provider.count("/revoke");
    assert_eq!(revocations, 2);
    assert!(hardware.key_ids().is_empty());
}

#[tokio::test]
async fn tokens_of_a_sign_in_that_was_cancelled_meanwhile_are_revoked_with_their_key() {
    let (device, hardware) = device().await;
    let session = device.process();
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    let callback = device.provider.authorize(&request.url);
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let finishing = session.clone();
    let finish = tokio::spawn(async move { finishing.sign_in.finish(&callback).await });
    gate.reached().await;
    session.sign_in.cancel().await.unwrap();
    gate.open();
    assert_eq!(finish.await.unwrap(), Err(Error::Cancelled));
    session.send_revocations().await;
    assert_eq!(device.provider.live_generation(), None);
    assert!(hardware.key_ids().is_empty());
}

#[tokio::test]
async fn a_process_without_the_signer_changes_nothing_about_the_session() {
    let (mut device, hardware) = device().await;
    drop(device.signed_in().await);
    let signer = device.signer.take();
    let without = device.process();
    for error in use_key(&device, &without).await {
        assert!(matches!(&error, Some(Error::Misconfigured(what)) if what.contains("signer")), "{error:?}");
    }
    assert!(matches!(without.state(), SessionState::SignedIn(_)));
    device.signer = signer;
    let with = device.process();
    assert_eq!(use_key(&device, &with).await, [None, None, None]);
    assert_eq!(hardware.key_ids().len(), 1);
}
