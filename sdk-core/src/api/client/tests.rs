use super::*;
use crate::testing::{Device, Fault, Gate, a_new_one, any};

fn api(device: &Device) -> HttpRequest {
    HttpRequest::post(&format!("{}/api", device.provider.issuer), "text/plain", "hello=1").header("X-Id", "7")
}

#[tokio::test]
async fn a_request_carries_the_access_token() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let answer = session.api.send(api(&device)).await.unwrap();
    assert!(answer.is_success());
    assert_eq!(answer.header("content-TYPE"), Some("application/json"));
    let token = session.latest().unwrap();
    let sent = device.provider.state().requests.last().unwrap().clone();
    assert_eq!(sent.authorization.unwrap(), format!("DPoP {}", token.secret()));
    assert_eq!(sent.form["hello"], "1");
}

#[tokio::test]
async fn a_refused_token_is_refreshed_and_the_same_request_sent_once_more() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let refused = session.latest().unwrap().secret().to_owned();
    device.provider.state().refused_access_tokens.insert(refused);
    let answer = session.api.send(api(&device)).await.unwrap();
    assert_eq!(answer.text(), r#"{"hello":"ada"}"#);
    assert_eq!((device.provider.count("/api"), device.provider.refreshes().len()), (2, 1));
    assert_eq!(device.provider.state().requests.last().unwrap().form["hello"], "1");
}

#[tokio::test]
async fn an_api_that_refuses_every_token_is_asked_twice_and_its_answer_returned() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.state().overrides.insert("/api", (401, "no".into()));
    assert_eq!(session.api.send(api(&device)).await.unwrap().status, 401);
    assert_eq!((device.provider.count("/api"), device.provider.refreshes().len()), (2, 1));
    session.access_token(any()).await.unwrap();
}

#[tokio::test]
async fn many_requests_with_a_refused_token_make_one_refresh() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let refused = session.latest().unwrap().secret().to_owned();
    device.provider.state().refused_access_tokens.insert(refused);
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let (session, request) = (session.clone(), api(&device));
            tokio::spawn(async move { session.api.send(request).await.unwrap().status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn a_request_of_one_user_is_not_sent_again_as_another() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let refused = session.latest().unwrap().secret().to_owned();
    device.provider.state().refused_access_tokens.insert(refused);
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let sending = {
        let (session, request) = (session.clone(), api(&device));
        tokio::spawn(async move { session.api.send(request).await })
    };
    gate.reached().await;
    device.provider.state().claims = serde_json::json!({ "sub": "eve" });
    device.sign_in(&session).await.unwrap();
    gate.open();
    assert_eq!(sending.await.unwrap().unwrap().status, 401);
    assert_eq!(device.provider.count("/api"), 1);
}

#[tokio::test]
async fn without_a_refresh_token_the_apis_own_401_comes_back() {
    let device = Device::new().await;
    device.provider.state().issues_refresh_tokens = false;
    let session = device.signed_in().await;
    device.provider.state().overrides.insert("/api", (401, "no".into()));
    assert_eq!(session.api.send(api(&device)).await.unwrap().text(), "no");
}

#[tokio::test]
async fn a_token_goes_to_allowed_origins_only() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let port = device.provider.issuer.rsplit(':').next().unwrap().to_owned();
    for elsewhere in [
        "https://evil.example/api".to_owned(),
        format!("http://localhost:{port}/api"),
        format!("https://127.0.0.1:{port}/api"),
        "http://127.0.0.1:1/api".to_owned(),
        format!("http://127.0.0.1:{port}@evil.example/api"),
        "/api".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let error = session.api.send(HttpRequest::get(&elsewhere)).await.unwrap_err();
        assert!(matches!(error, Error::Misconfigured(_)), "{elsewhere} {error:?}");
    }
    assert_eq!(device.provider.count("/api"), 0);
}

#[tokio::test]
async fn a_request_that_sets_what_is_the_sdks_own_is_refused() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    for (name, value) in [
        ("Authorization", "Bearer x"),
        ("DPoP", "x"),
        ("HOST", "evil.example"),
        ("X Y", "1"),
        ("X", "a\r\nAuthorization: b"),
    ] {
        let error = session.api.send(api(&device).header(name, value)).await.unwrap_err();
        assert!(matches!(error, Error::Misconfigured(_)), "{name} {error:?}");
    }
    let no_method = HttpRequest::new("GE T", &format!("{}/api", device.provider.issuer));
    assert!(matches!(session.api.send(no_method).await, Err(Error::Misconfigured(_))));
    assert_eq!(device.provider.count("/api"), 0);
}

#[tokio::test]
async fn nobody_signed_in_sends_nothing() {
    let device = Device::new().await;
    let session = device.process();
    assert!(matches!(session.api.send(api(&device)).await, Err(Error::SignedOut(_))));
    assert!(device.provider.state().requests.is_empty());
}

#[tokio::test]
async fn a_provider_of_short_lived_tokens_is_not_asked_for_each_request() {
    let device = Device::new().await;
    device.provider.state().expires_in = serde_json::json!(5);
    let session = device.signed_in().await;
    for _ in 0..3 {
        session.api.send(api(&device)).await.unwrap();
    }
    assert_eq!(device.provider.refreshes().len(), 0);
    session.access_token(a_new_one(&session)).await.unwrap();
}
