//! Every route of the API, asked with tokens that are bound to a key.

use http::Method;
use http::header::AUTHORIZATION;

use super::tests::{Operation, protected, server};
use crate::http::testing::{Answer, TestServer, ask};
use moorline_server_dpop::testing::{Device, Draft};
use moorline_server_dpop::{ALGORITHMS, DPOP, DPOP_NONCE};

fn htu(path: &str) -> String {
    format!("https://id.example.com{path}")
}

fn draft<'a>(server: &TestServer, device: &'a Device, operation: &Operation, token: &str) -> Draft<'a> {
    let (method, htu) = (operation.method.as_str(), htu(&operation.path));
    device.draft(method, &htu, &server.state.dpop().nonce(), Some(token))
}

async fn send(
    server: &TestServer,
    operation: &Operation,
    authorization: &str,
    proof: Option<&str>,
) -> Answer {
    let mut request = ask(operation.method.clone(), &operation.path).header(AUTHORIZATION, authorization);
    if let Some(proof) = proof {
        request = request.header(DPOP, proof);
    }
    server.send(request.body("".into()).unwrap()).await
}

#[track_caller]
fn is_challenged(answer: &Answer, kind: &str, error: &str) {
    answer.is_problem(401, kind);
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.starts_with("DPoP ") && challenge.contains(&format!("error=\"{error}\"")),
        "{challenge}"
    );
    assert!(challenge.ends_with(&format!("algs=\"{}\"", ALGORITHMS.join(" "))), "{challenge}");
}

#[tokio::test]
async fn every_route_lets_a_bound_token_in_with_its_proof_and_gives_the_next_nonce() {
    let (server, ada) = server().await;
    let device = Device::new();
    for operation in protected() {
        let token = server.bound_token(&ada, &operation.scopes[0], &device.jkt()).await;
        let proof = draft(&server, &device, &operation, &token).sign();
        let answer = send(&server, &operation, &format!("DPoP {token}"), Some(&proof)).await;
        let status = answer.status.as_u16();
        assert!(![401, 403, 405, 500].contains(&status), "{} {status}", operation.path);
        assert_eq!(answer.header(DPOP_NONCE.as_str()), server.state.dpop().nonce(), "{}", operation.path);
        assert_eq!(answer.header("cache-control"), "no-store", "{}", operation.path);
        // The same proof is good for nothing more.
        let again = send(&server, &operation, &format!("DPoP {token}"), Some(&proof)).await;
        is_challenged(&again, "invalid-dpop-proof", "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn every_route_refuses_a_bound_token_without_the_right_proof() {
    let (server, ada) = server().await;
    let (device, thief) = (Device::new(), Device::new());
    for operation in protected() {
        let token = server.bound_token(&ada, &operation.scopes[0], &device.jkt()).await;
        let bound = format!("DPoP {token}");
        let mut elsewhere = draft(&server, &device, &operation, &token);
        elsewhere.claims["htu"] = htu("/oauth/userinfo").into();
        let mut otherwise = draft(&server, &device, &operation, &token);
        otherwise.claims["htm"] = "PATCH".into();
        let mut unrelated = draft(&server, &device, &operation, "another.token");
        unrelated.claims["jti"] = "one".into();
        for proof in [None, Some(elsewhere.sign()), Some(otherwise.sign()), Some(unrelated.sign())] {
            let answer = send(&server, &operation, &bound, proof.as_deref()).await;
            is_challenged(&answer, "invalid-dpop-proof", "invalid_dpop_proof");
        }
        let foreign = draft(&server, &thief, &operation, &token).sign();
        is_challenged(
            &send(&server, &operation, &bound, Some(&foreign)).await,
            "invalid-token",
            "invalid_token",
        );
        let mut old = draft(&server, &device, &operation, &token);
        old.claims["nonce"] = "of yesterday".into();
        let challenge = send(&server, &operation, &bound, Some(&old.sign())).await;
        is_challenged(&challenge, "use-dpop-nonce", "use_dpop_nonce");
        assert_eq!(challenge.header(DPOP_NONCE.as_str()), server.state.dpop().nonce());
    }
}

#[tokio::test]
async fn every_route_refuses_a_bound_token_as_bearer_and_a_bearer_token_as_bound() {
    let (server, ada) = server().await;
    let device = Device::new();
    for operation in protected() {
        let bound = server.bound_token(&ada, &operation.scopes[0], &device.jkt()).await;
        let bearer = server.token(&ada, &operation.scopes[0], &["user"]).await;
        for (scheme, token) in [("Bearer", &bound), ("DPoP", &bearer)] {
            let proof = draft(&server, &device, &operation, token).sign();
            for proof in [None, Some(proof.as_str())] {
                let answer = send(&server, &operation, &format!("{scheme} {token}"), proof).await;
                is_challenged(&answer, "invalid-token", "invalid_token");
            }
        }
    }
}

#[tokio::test]
async fn a_bound_token_without_the_scope_is_told_so_by_its_own_scheme() {
    let (server, ada) = server().await;
    let device = Device::new();
    let token = server.bound_token(&ada, "openid", &device.jkt()).await;
    for operation in protected() {
        let proof = draft(&server, &device, &operation, &token).sign();
        let answer = send(&server, &operation, &format!("DPoP {token}"), Some(&proof)).await;
        answer.is_problem(403, "insufficient-scope");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("DPoP ") && challenge.contains("insufficient_scope"), "{challenge}");
    }
}

#[tokio::test]
async fn who_asks_too_often_uses_up_no_proof() {
    let server = TestServer::with(|config| config.limits.api_per_account = 1).await;
    server.client("id=app,redirect=https://app.example.com/cb").await;
    let ada = server.user("username=ada,password=a").await;
    let device = Device::new();
    let token = server.bound_token(&ada, "notes.read", &device.jkt()).await;
    let list = Operation::of(Method::GET, "/v1/notes");
    let [one, other] = [(); 2].map(|()| draft(&server, &device, &list, &token).sign());
    let bound = format!("DPoP {token}");
    assert_eq!(send(&server, &list, &bound, Some(&one)).await.status, 200);
    send(&server, &list, &bound, Some(&other)).await.is_problem(429, "too-many-requests");
    server.limit_clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(send(&server, &list, &bound, Some(&other)).await.status, 200);
}

#[tokio::test]
async fn who_replays_a_captured_proof_uses_up_nothing_of_its_owners_requests() {
    let server = TestServer::with(|config| config.limits.api_per_account = 2).await;
    server.client("id=app,redirect=https://app.example.com/cb").await;
    let ada = server.user("username=ada,password=a").await;
    let device = Device::new();
    let token = server.bound_token(&ada, "notes.read", &device.jkt()).await;
    let list = Operation::of(Method::GET, "/v1/notes");
    let [captured, next] = [(); 2].map(|()| draft(&server, &device, &list, &token).sign());
    let bound = format!("DPoP {token}");
    assert_eq!(send(&server, &list, &bound, Some(&captured)).await.status, 200);
    for _ in 0..5 {
        let again = send(&server, &list, &bound, Some(&captured)).await;
        is_challenged(&again, "invalid-dpop-proof", "invalid_dpop_proof");
    }
    assert_eq!(send(&server, &list, &bound, Some(&next)).await.status, 200);
}

#[tokio::test]
async fn a_full_memory_of_used_proofs_is_a_503() {
    let (server, ada) = server().await;
    let device = Device::new();
    let token = server.bound_token(&ada, "notes.read", &device.jkt()).await;
    let list = Operation::of(Method::GET, "/v1/notes");
    server.state.dpop().fill();
    let proof = draft(&server, &device, &list, &token).sign();
    let answer = send(&server, &list, &format!("DPoP {token}"), Some(&proof)).await;
    answer.is_problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_change_leaves_the_hash_of_its_proof_in_the_audit() {
    let (server, ada) = server().await;
    let device = Device::new();
    let token = server.bound_token(&ada, "notes.write", &device.jkt()).await;
    let create = Operation::of(Method::POST, "/v1/notes");
    let proof = draft(&server, &device, &create, &token).sign();
    let request = ask(Method::POST, "/v1/notes")
        .header(AUTHORIZATION, format!("DPoP {token}"))
        .header(DPOP, &proof)
        .header("content-type", "application/json");
    let answer = server.send(request.body(r#"{"title":"Milk"}"#.into()).unwrap()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, proof.as_bytes());
    let rows = server.select("SELECT * FROM audit WHERE event = 'note.created'").await;
    let detail: serde_json::Value = serde_json::from_str(rows[0].text("detail").unwrap()).unwrap();
    assert_eq!(detail["proof"], moorline_server_dpop::testing::encode(hash));
    assert_eq!(detail["note"], answer.json()["id"]);
    assert_eq!(rows[0].text("actor").unwrap(), server.state.keys.pseudonym(&ada));
    assert!(!rows[0].text("session_id").unwrap().is_empty());
}
