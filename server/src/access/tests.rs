//! Every route of the API, asked by those who may not.

use http::Method;
use utoipa::OpenApi as _;

use crate::api::openapi::{self, ApiDescription};
use crate::http::testing::{TestServer, ask};
use moorline_server_base::policy::SCOPE_PERMISSIONS;
use moorline_server_keys::TokenType;

/// The routes that need nobody; every other has to name a scope.
const ANONYMOUS: &[(Method, &str)] = &[(Method::GET, "/v1/openapi.json")];

pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) scopes: Vec<String>,
}

impl Operation {
    pub(super) fn of(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), scopes: Vec::new() }
    }
}

/// Every operation of the description, with the scopes that it says it needs.
fn operations() -> Vec<Operation> {
    let description = serde_json::to_value(ApiDescription::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scopes = operation["security"].as_array().into_iter().flatten();
            let scopes = scopes.filter_map(|one| one["oidc"].as_array()).flatten();
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.replace("{id}", "AAAAAAAAAAAAAAAAAAAAAA"),
                scopes: scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect(),
            });
        }
    }
    operations
}

pub(super) fn protected() -> Vec<Operation> {
    let open = |o: &Operation| ANONYMOUS.iter().any(|(method, path)| *method == o.method && *path == o.path);
    operations().into_iter().filter(|operation| !open(operation)).collect()
}

pub(super) async fn server() -> (TestServer, String) {
    let server = TestServer::with(|config| config.limits.enabled = false).await;
    server.client("id=app,redirect=https://app.example.com/cb").await;
    let ada = server.user("username=ada,password=a").await;
    (server, ada)
}

#[test]
fn every_route_of_the_api_is_in_its_description() {
    let source = include_str!("../api/mod.rs");
    let mut routed = Vec::new();
    for line in source.lines().filter(|line| line.trim_start().starts_with(".route(")) {
        let path = line.split('"').nth(1).unwrap();
        for (call, method) in
            [("get(", "get"), ("post(", "post"), ("put(", "put"), ("delete(", "delete"), ("patch(", "patch")]
        {
            if line.contains(call) {
                routed.push((path.to_owned(), method.to_owned()));
            }
        }
    }
    let description = serde_json::to_value(ApiDescription::openapi()).unwrap();
    let mut described = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        described.extend(item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())));
    }
    routed.sort();
    described.sort();
    assert_eq!(routed, described);
}

#[test]
fn the_committed_description_is_the_one_that_is_served() {
    let committed = include_str!("../../openapi.json");
    assert!(
        openapi::text() == committed,
        "server/openapi.json is out of date: write what `moorline-server openapi` prints there"
    );
}

#[tokio::test]
async fn every_route_but_the_open_ones_refuses_a_request_without_a_token() {
    let (server, _) = server().await;
    for operation in protected() {
        let answer = server.send(ask(operation.method, &operation.path).body("".into()).unwrap()).await;
        answer.is_problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"moorline\"");
    }
}

#[tokio::test]
async fn every_route_names_one_scope_and_refuses_a_token_with_all_the_others() {
    let (server, ada) = server().await;
    for operation in protected() {
        let [needed] = &operation.scopes[..] else { panic!("{} {}", operation.method, operation.path) };
        let others = SCOPE_PERMISSIONS.iter().map(|(scope, _)| *scope).filter(|scope| scope != needed);
        let token = server.token(&ada, &others.collect::<Vec<_>>().join(" "), &["user", "admin"]).await;
        // A malformed body makes no difference to those who may not send one.
        let answer = server.api(operation.method, &operation.path, &token, &[], "{").await;
        answer.is_problem(403, "insufficient-scope");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.contains(&format!("scope=\"{needed}\"")), "{challenge}");
    }
}

#[tokio::test]
async fn every_route_lets_its_own_scope_in() {
    let (server, ada) = server().await;
    for operation in protected() {
        let token = server.token(&ada, &operation.scopes[0], &["user"]).await;
        let status = server.api(operation.method, &operation.path, &token, &[], "").await.status.as_u16();
        assert!(![401, 403, 405, 500].contains(&status), "{} {status}", operation.path);
    }
}

#[tokio::test]
async fn a_role_that_allows_nothing_makes_every_scope_worthless_whatever_the_token_says() {
    let (server, ada) = server().await;
    let token = server.token(&ada, "notes.read notes.write notes.delete", &["user", "admin"]).await;
    assert_eq!(server.api(Method::GET, "/v1/notes", &token, &[], "").await.status, 200);
    for roles in ["[]", "[\"admin\"]"] {
        server.sql("UPDATE users SET roles = $1", vec![roles.into()]).await;
        for operation in protected() {
            let answer = server.api(operation.method, &operation.path, &token, &[], "").await;
            answer.is_problem(403, "insufficient-scope");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_expired_revoked_forged_or_of_another_type_is_refused() {
    let (server, ada) = server().await;
    let good = server.token(&ada, "notes.read", &["user"]).await;
    assert_eq!(server.api(Method::GET, "/v1/notes", &good, &[], "").await.status, 200);
    let (start, signature) = good.rsplit_once('.').unwrap();
    let no_session = server.sign(TokenType::AccessToken, &ada, "unknown", "notes.read", &["user"]);
    let unsigned = format!("{start}.");
    let other_signature = format!("{start}.{}", signature.chars().rev().collect::<String>());
    for bad in ["x", "a.b.c", &no_session, &unsigned, &other_signature] {
        let answer = server.api(Method::GET, "/v1/notes", bad, &[], "").await;
        answer.is_problem(401, "invalid-token");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    server.sql("UPDATE sessions SET revoked_at = 1", vec![]).await;
    server.api(Method::GET, "/v1/notes", &good, &[], "").await.is_problem(401, "invalid-token");
    server.sql("UPDATE sessions SET revoked_at = NULL", vec![]).await;
    server.state.clock.advance(std::time::Duration::from_secs(900));
    server.api(Method::GET, "/v1/notes", &good, &[], "").await.is_problem(401, "invalid-token");
}

#[tokio::test]
async fn an_id_token_is_no_access_token() {
    let (server, ada) = server().await;
    let good = server.token(&ada, "notes.read", &["user"]).await;
    assert_eq!(server.api(Method::GET, "/v1/notes", &good, &[], "").await.status, 200);
    let id_token = server.sign(TokenType::IdToken, &ada, "unknown", "notes.read", &["user"]);
    server.api(Method::GET, "/v1/notes", &id_token, &[], "").await.is_problem(401, "invalid-token");
}

#[tokio::test]
async fn a_token_in_the_address_is_refused_even_if_it_is_good() {
    let (server, ada) = server().await;
    let token = server.token(&ada, "notes.read", &["user"]).await;
    let answer = server.get(&format!("/v1/notes?access_token={token}")).await;
    answer.is_problem(400, "invalid-request");
    assert!(answer.header("www-authenticate").contains("error=\"invalid_request\""));
    assert!(!answer.body.contains(&token));
}

#[tokio::test]
async fn who_asks_too_often_waits_and_somebody_else_does_not() {
    let server = TestServer::with(|config| config.limits.api_per_account = 2).await;
    server.client("id=app,redirect=https://app.example.com/cb").await;
    let ada = server.user("username=ada,password=a").await;
    let grace = server.user("username=grace,password=g").await;
    let hers = server.token(&ada, "notes.read", &["user"]).await;
    let other = server.token(&grace, "notes.read", &["user"]).await;
    for _ in 0..2 {
        assert_eq!(server.api(Method::GET, "/v1/notes", &hers, &[], "").await.status, 200);
    }
    let answer = server.api(Method::GET, "/v1/notes", &hers, &[], "").await;
    answer.is_problem(429, "too-many-requests");
    assert_eq!(answer.header("retry-after"), "30");
    assert_eq!(server.api(Method::GET, "/v1/notes", &other, &[], "").await.status, 200);
    server.limit_clock.advance(std::time::Duration::from_secs(30));
    assert_eq!(server.api(Method::GET, "/v1/notes", &hers, &[], "").await.status, 200);
}
