//! Many callers, one refresh.

use std::{
    future::Future,
    task::{Context, Poll},
};

use crate::{
    Error, Moorline, SessionState,
    testing::{Device, Fault, Gate, a_new_one, any},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_callers_at_once_make_one_refresh() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.clock.pass(std::time::Duration::from_secs(3_600));
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.access_token(any()).await.unwrap() })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().secret(), session.latest().unwrap().secret());
    }
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_the_session_whole() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let first = session.latest().unwrap();
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let mut caller = Box::pin(session.access_token(a_new_one(&session)));
    assert!(caller.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
    gate.reached().await;
    drop(caller);
    gate.open();
    // The next caller joins it, or finds its result.
    let need = crate::session::TokenRequest { rejected: Some(first.clone()), ..any() };
    let token = session.access_token(need).await.unwrap();
    assert_ne!(token.secret(), first.secret());
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[test]
fn it_works_without_any_executor_of_its_callers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let device = runtime.block_on(Device::new());
    let moorline = Moorline::new(device.configuration(), device.platform()).unwrap();
    // A bare loop that polls: no reactor, no timer.
    let request = poll(moorline.start_sign_in(crate::SignInOptions::default())).unwrap();
    assert_eq!(moorline.state(), SessionState::SigningIn);
    let user = poll(moorline.finish_sign_in(&device.provider.authorize(&request.url))).unwrap();
    assert_eq!(moorline.state(), SessionState::SignedIn(user));
    poll(moorline.refresh(None)).unwrap();
    let user = poll(moorline.user_info()).unwrap();
    assert_eq!(user.email.as_deref(), Some("ada@example.com"));
    assert_eq!(moorline.state(), SessionState::SignedIn(user));
    let answer =
        poll(moorline.send(crate::HttpRequest::get(&format!("{}/api", device.provider.issuer)))).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"hello":"ada"}"#));
    assert!(poll(moorline.sign_out(crate::SignOutOptions::default())).unwrap().revoked);
    assert_eq!(device.provider.live_generation(), None);
}

#[test]
fn it_works_on_a_runtime_that_the_app_hands_in() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let device = runtime.block_on(Device::new());
    let platform = device.platform().with_runtime(runtime.handle().clone());
    let moorline = Moorline::new(device.configuration(), platform).unwrap();
    let request = poll(moorline.start_sign_in(crate::SignInOptions::default())).unwrap();
    poll(moorline.finish_sign_in(&device.provider.authorize(&request.url))).unwrap();
    poll(moorline.refresh(None)).unwrap();
    let api = crate::HttpRequest::get(&format!("{}/api", device.provider.issuer));
    assert!(poll(moorline.send(api.clone())).unwrap().is_success());
    runtime.shutdown_background();
    // What is in memory needs no runtime; what does is an error and no panic, and the session is whole.
    assert!(poll(moorline.access_token(std::time::Duration::ZERO)).is_ok());
    assert!(matches!(poll(moorline.refresh(None)), Err(Error::Misconfigured(_))));
    assert!(matches!(moorline.state(), SessionState::SignedIn(_)));
}

fn poll<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut work = std::pin::pin!(work);
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[tokio::test]
async fn every_state_is_reported_once_and_the_present_one_first() {
    let device = Device::new().await;
    let session = device.process();
    let mut states = session.states();
    assert!(matches!(states.next().await, Some(SessionState::SignedOut(_))));
    let request = session.sign_in.start(crate::SignInOptions::default()).await.unwrap();
    assert_eq!(states.next().await, Some(SessionState::SigningIn));
    session.sign_in.finish(&device.provider.authorize(&request.url)).await.unwrap();
    assert!(matches!(states.next().await, Some(SessionState::SignedIn(_))));
    session.access_token(a_new_one(&session)).await.unwrap();
    session.sign_out_here().await.unwrap();
    assert!(matches!(states.next().await, Some(SessionState::SignedOut(_))));
    drop(session);
    // The background task that tells revocations may hold the session a little longer.
    assert_eq!(states.next().await, None);
}

#[tokio::test]
async fn a_provider_may_give_the_same_access_token_again() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let present = session.latest().unwrap();
    let same = r#"{"access_token":"seen-at-2","token_type":"Bearer","expires_in":900}"#;
    device.provider.fault(Fault::Instead(200, same));
    let token = session.access_token(a_new_one(&session)).await.unwrap();
    assert_eq!(token.secret(), present.secret());
    assert_eq!(device.provider.refreshes().len(), 1);
}

/// Polls `work` this often, and drops it if it isn't done. Its result, if it is.
async fn polled<T>(work: impl Future<Output = T>, times: usize) -> Option<T> {
    let mut work = std::pin::pin!(work);
    for _ in 0..times {
        let outcome = std::future::poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => Poll::Ready(None),
        });
        if let Some(outcome) = outcome.await {
            return Some(outcome);
        }
        // Long enough for some steps, seldom for all.
        tokio::time::sleep(std::time::Duration::from_micros(500)).await;
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_dropped_at_any_await_leaves_the_session_whole() {
    for times in 0..20 {
        let device = Device::new().await;
        let moorline = Moorline::new(device.configuration(), device.platform()).unwrap();
        let request = moorline.start_sign_in(crate::SignInOptions::default()).await.unwrap();
        let callback = device.provider.authorize(&request.url);
        polled(moorline.finish_sign_in(&callback), times).await;
        let user = moorline.finish_sign_in(&callback).await.unwrap();
        polled(moorline.refresh(None), times).await;
        let api = format!("{}/api", device.provider.issuer);
        polled(moorline.send(crate::HttpRequest::get(&api)), times).await;
        polled(moorline.user_info(), times).await;
        moorline.access_token(std::time::Duration::ZERO).await.unwrap();
        let _ = moorline.refresh(None).await.unwrap();
        assert_eq!(moorline.state(), SessionState::SignedIn(moorline.session_info().unwrap().user));
        assert_eq!(moorline.session_info().unwrap().user.subject, user.subject);
        assert!((1..=2).contains(&device.provider.live_generation().unwrap()), "after {times} polls");
        assert_eq!(device.provider.state().sessions.len(), 1, "a code is sent once");
        polled(moorline.sign_out(crate::SignOutOptions::default()), times).await;
        moorline.sign_out(crate::SignOutOptions::default()).await.unwrap();
        assert!(matches!(moorline.state(), SessionState::SignedOut(_)));
        assert_eq!(device.provider.live_generation(), None);
    }
}
