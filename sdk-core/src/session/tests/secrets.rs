//! Nothing secret shows.

use std::time::Duration;

use crate::{
    HttpRequest,
    secret::Secret,
    testing::{Device, Fault, a_new_one, log},
};

#[tokio::test]
async fn no_token_code_attempt_proof_or_key_shows_in_any_debug_error_log_or_report() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.provider.fault(Fault::LoseAnswer);
    let token = session.access_token(a_new_one(&session)).await.unwrap();
    let begun = session.begin(true).await.unwrap();
    let request =
        HttpRequest::get(&format!("{}/api?seen-in-query", device.provider.issuer)).header("X", "seen-header");
    let mut shown =
        format!("{session:?} {token:?} {begun:?} {request:?} {:?} {:?}", session.state(), session.info());
    let answer = session.api.send(request).await.unwrap();
    shown += &format!("{answer:?}");
    let echo = r#"{"error":"invalid_client","error_description":"seen-rt-0-1 is not yours"}"#;
    device.provider.fault(Fault::Instead(401, echo));
    let error = session.access_token(a_new_one(&session)).await.unwrap_err();
    shown += &format!("{error:?} {error}");
    let key = begun.unwrap().proof_key.unwrap();
    let url = format!("{}/api", device.provider.issuer);
    let headers = session.api.request_headers("GET", &url, &Duration::ZERO.into()).await.unwrap();
    shown += &format!("{key:?} {headers:?} {:?}", session.provider);
    assert!(headers.dpop().unwrap().starts_with("eyJ"));
    session.sign_out_here().await.unwrap();

    // "eyJ" begins every proof.
    let mut secrets: Vec<String> = vec!["seen-".into(), "code-1".into(), "eyJ".into()];
    secrets.push(Secret::from(key).expose().to_owned());
    for request in &device.provider.state().requests {
        for name in ["refresh_token", "refresh_attempt", "code", "code_verifier", "token"] {
            secrets.extend(request.form.get(name).cloned());
        }
        secrets.extend(request.proof.clone());
    }
    shown += &log::recorded();
    shown += &session.diagnostics();
    for secret in secrets {
        assert!(!shown.contains(&secret), "{secret} shows in {shown}");
    }
}

#[tokio::test]
async fn no_file_of_the_vault_holds_anything_readable() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    session.begin(true).await.unwrap();
    for file in device.files("") {
        let bytes = std::fs::read(&file).unwrap();
        for readable in ["seen-", "ada", "127.0.0.1", "notes"] {
            let found = bytes.windows(readable.len()).any(|window| window == readable.as_bytes());
            assert!(!found, "{readable} in {}", file.display());
        }
    }
}
