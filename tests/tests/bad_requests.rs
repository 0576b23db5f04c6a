//! Requests that are refused: each in its protocol's own form, and nothing changes.

use anyhow::{Context as _, Result};
use moorline_tests::oauth::{Answer, HandMade, VERIFIER, answer, attempt, exchange_form, parameter};
use moorline_tests::sdk::{CLIENT, REDIRECT};
use moorline_tests::{Browser, Server};

/// An error page of the server's own: never a redirect.
fn assert_local_page(page: &moorline_tests::Page, what: &str) {
    assert_eq!(page.status, 400, "{what}: {}", page.body);
    assert!(page.header("location").is_none(), "{what}");
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{what}");
    assert!(page.heading().is_some(), "{what}: an error page has a heading");
}

fn assert_oauth_error(refusal: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(refusal.refusal(), (status, code.to_owned()), "{what}: {}", refusal.body);
    assert!(refusal.header("content-type").starts_with("application/json"), "{what}");
    assert!(refusal.header("cache-control").contains("no-store"), "{what}");
}

fn assert_problem(refusal: &Answer, status: u16, what: &str) {
    assert_eq!(refusal.status, status, "{what}: {}", refusal.body);
    assert!(
        refusal.header("content-type").starts_with("application/problem+json"),
        "{what}: {:?}",
        refusal.headers
    );
    for name in ["type", "title"] {
        assert!(!refusal.member(name).is_empty(), "{what}: no {name} in {}", refusal.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_client_or_redirect_gets_a_local_error_page() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    for (what, changes) in [
        ("no client", ("client_id", None)),
        ("unknown client", ("client_id", Some("nobody"))),
        ("markup as client", ("client_id", Some("<script>alert(1)</script>"))),
        ("no redirect", ("redirect_uri", None)),
        ("unknown redirect", ("redirect_uri", Some("https://evil.example/"))),
        ("longer redirect", ("redirect_uri", Some("com.example.notes:/signed-in/more"))),
        ("another path on loopback", ("redirect_uri", Some("http://127.0.0.1:1234/elsewhere"))),
        ("a name for loopback", ("redirect_uri", Some("http://localhost:1234/callback"))),
        ("loopback with a user", ("redirect_uri", Some("http://127.0.0.1@evil.example/callback"))),
    ] {
        let page = ada.browser().open(&ada.authorization_url(&[changes])).await?;
        assert_local_page(&page, what);
        assert!(!page.body.contains("<script>"), "{what}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_client_or_redirect_gets_a_local_error_page_too() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    for repeated in ["client_id=moorline-demo", "redirect_uri=https%3A%2F%2Fevil.example%2F"] {
        let url = format!("{}&{repeated}", ada.authorization_url(&[]));
        assert_local_page(&ada.browser().open(&url).await?, repeated);
    }
    // Client and redirect are good: the client gets the error.
    for (repeated, state) in [("scope=openid", Some("a state")), ("state=another", None)] {
        let callback = ada.sign_in(&format!("{}&{repeated}", ada.authorization_url(&[]))).await?;
        assert_eq!(parameter(&callback, "error").as_deref(), Some("invalid_request"), "{repeated}");
        assert_eq!(parameter(&callback, "state").as_deref(), state, "{repeated}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_faults_of_an_authorization_request_are_reported_to_the_app() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    for (what, changes, code) in [
        ("no challenge", vec![("code_challenge", None)], "invalid_request"),
        ("plain", vec![("code_challenge_method", Some("plain"))], "invalid_request"),
        ("no method, which means plain", vec![("code_challenge_method", None)], "invalid_request"),
        ("malformed challenge", vec![("code_challenge", Some("too short"))], "invalid_request"),
        ("another response type", vec![("response_type", Some("token"))], "unsupported_response_type"),
        ("no response type", vec![("response_type", None)], "invalid_request"),
        ("malformed scope", vec![("scope", Some("openid \"quoted\""))], "invalid_scope"),
        ("nobody to ask", vec![("prompt", Some("none"))], "login_required"),
        ("another API", vec![("resource", Some("https://evil.example/"))], "invalid_target"),
    ] {
        let callback = ada.sign_in(&ada.authorization_url(&changes)).await.context(what)?;
        assert!(callback.as_str().starts_with(REDIRECT), "{what}: {callback}");
        assert_eq!(parameter(&callback, "error").as_deref(), Some(code), "{what}");
        assert_eq!(parameter(&callback, "state").as_deref(), Some("a state"), "{what}");
        assert_eq!(parameter(&callback, "iss").as_deref(), Some(server.dev().issuer.as_str()), "{what}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_endpoint_refuses_what_is_malformed() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    for (what, form, code) in [
        ("no grant type", vec![("client_id", CLIENT), ("code", "x")], "invalid_request"),
        ("another grant", vec![("grant_type", "password"), ("client_id", CLIENT)], "unsupported_grant_type"),
        (
            "no code",
            vec![
                ("grant_type", "authorization_code"),
                ("client_id", CLIENT),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ],
            "invalid_request",
        ),
        ("no refresh token", vec![("grant_type", "refresh_token"), ("client_id", CLIENT)], "invalid_request"),
        (
            "an unknown refresh token",
            vec![("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", "mrt1_unknown")],
            "invalid_grant",
        ),
    ] {
        let refusal = ada.token(&form).await?;
        assert_oauth_error(&refusal, 400, code, what);
    }
    assert_oauth_error(&ada.token(&[]).await?, 401, "invalid_client", "nothing, not even a client");
    let unknown = [("grant_type", "refresh_token"), ("client_id", "nobody"), ("refresh_token", "mrt1_x")];
    assert_oauth_error(&ada.token(&unknown).await?, 401, "invalid_client", "an unknown client");
    let unknown = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("code", "unknown"),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    assert_oauth_error(&ada.token(&unknown).await?, 400, "invalid_grant", "an unknown code");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_parameter_is_refused_and_the_code_stays_good() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let code = ada.code().await?;
    for repeated in ["code", "client_id", "grant_type", "code_verifier"] {
        let mut form = exchange_form(&code).to_vec();
        form.extend(form.clone().into_iter().filter(|(name, _)| *name == repeated));
        assert_oauth_error(&ada.token(&form).await?, 400, "invalid_request", repeated);
    }
    ada.exchange(&code).await?.tokens()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_malformed_verifier_gets_nothing() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let long = "a".repeat(129);
    for (verifier, error) in [
        ("wrong-but-well-formed-0123456789-0123456789-0123", "invalid_grant"),
        ("short", "invalid_request"),
        ("", "invalid_grant"),
        (&long, "invalid_request"),
        ("not allowed characters, not allowed characters!", "invalid_request"),
    ] {
        let code = ada.code().await?;
        let form = exchange_form(&code)
            .map(|(name, value)| (name, if name == "code_verifier" { verifier } else { value }));
        let refusal = ada.token(&form).await?;
        assert_eq!(refusal.status, 400, "{verifier:?}");
        assert_eq!(refusal.member("error"), error, "{}", refusal.body);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_or_of_the_wrong_kind_is_refused() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let client = ada.browser().client();
    let token = ada.tokens().await?.access_token;

    let large = "x".repeat(70 * 1024);
    let refusal = ada.token(&[("grant_type", &large)]).await?;
    assert_eq!(refusal.status, 413, "{}", refusal.body);
    let json = client.post(server.url("/oauth/token")).header("content-type", "application/json").body("{}");
    let refusal = answer(json).await?;
    assert!([400, 415].contains(&refusal.status), "{} {}", refusal.status, refusal.body);

    let notes = server.url("/v1/notes");
    let large = format!(r#"{{"title":"t","body":"{}"}}"#, "x".repeat(300 * 1024));
    let post = |body: String| {
        client.post(&notes).bearer_auth(&token).header("content-type", "application/json").body(body)
    };
    assert_problem(&answer(post(large)).await?, 413, "a body over the limit");
    for (what, body) in [
        ("cut JSON", r#"{"title":"#.to_owned()),
        ("no JSON", "title=x".to_owned()),
        ("not UTF-8 escapes", r#"{"title":"\ud800","body":""}"#.to_owned()),
    ] {
        assert_problem(&answer(post(body)).await?, 400, what);
    }
    for (what, body) in [
        ("no title", r#"{"body":"x"}"#.to_owned()),
        ("a number for a title", r#"{"title":1,"body":"x"}"#.to_owned()),
        ("an empty title", r#"{"title":"","body":"x"}"#.to_owned()),
        ("a long title", format!(r#"{{"title":"{}","body":"x"}}"#, "t".repeat(201))),
        ("a long body", format!(r#"{{"title":"t","body":"{}"}}"#, "b".repeat(20_001))),
    ] {
        let refusal = answer(post(body)).await?;
        assert!([400, 422].contains(&refusal.status), "{what}: {}", refusal.status);
        assert_problem(&refusal, refusal.status, what);
    }
    let form = client.post(&notes).bearer_auth(&token).form(&[("title", "x")]);
    assert_problem(&answer(form).await?, 415, "a form");
    assert_eq!(ada.notes(&token).await?.body.matches("\"id\"").count(), 0, "nothing was added");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_takes_a_token_in_the_header_alone() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let client = ada.browser().client();
    let tokens = ada.tokens().await?;
    let notes = server.url("/v1/notes");

    let none = answer(client.get(&notes)).await?;
    assert_problem(&none, 401, "no token");
    assert!(none.header("www-authenticate").starts_with("Bearer"), "{:?}", none.headers);
    let query = answer(client.get(format!("{notes}?access_token={}", tokens.access_token))).await?;
    assert!([400, 401].contains(&query.status), "a token in the query: {}", query.status);
    assert!(!query.body.contains(&tokens.access_token));
    let both =
        answer(client.get(format!("{notes}?access_token=x")).bearer_auth(&tokens.access_token)).await?;
    assert!([400, 401].contains(&both.status), "a token in both: {}", both.status);
    let form = answer(client.post(&notes).form(&[("access_token", &tokens.access_token)])).await?;
    assert_eq!(form.status, 401, "a token in the body");

    let id_token = tokens.id_token.expect("openid was asked for");
    for (what, token) in [
        ("an ID token", id_token.as_str()),
        ("a refresh token", tokens.refresh_token.as_str()),
        ("no token at all", "x"),
        ("an unsigned token", "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJhZGEifQ."),
    ] {
        let refusal = ada.notes(token).await?;
        assert_problem(&refusal, 401, what);
        assert!(
            refusal.header("www-authenticate").contains("invalid_token"),
            "{what}: {:?}",
            refusal.headers
        );
    }
    let mut twice = client.get(&notes).bearer_auth(&tokens.access_token).build()?;
    twice.headers_mut().append("authorization", "Bearer x".parse()?);
    assert!(
        [400, 401].contains(&client.execute(twice).await?.status().as_u16()),
        "two Authorization headers"
    );
    assert_eq!(ada.notes(&tokens.access_token).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_404_and_what_is_not_done_a_405() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let token = ada.tokens().await?.access_token;
    let client = ada.browser().client();
    assert_problem(
        &answer(client.get(server.url("/v1/nothing")).bearer_auth(&token)).await?,
        404,
        "no such resource",
    );
    assert_problem(
        &answer(client.get(server.url("/v1/notes/unknown")).bearer_auth(&token)).await?,
        404,
        "no such note",
    );
    assert_problem(
        &answer(client.patch(server.url("/v1/notes")).bearer_auth(&token)).await?,
        405,
        "no such method",
    );
    assert_eq!(answer(client.get(server.url("/oauth/token"))).await?.status, 405);
    assert_eq!(answer(client.get(server.url("/no/such/page"))).await?.status, 404);
    for limit in ["0", "-1", "x", "100000"] {
        let refusal =
            answer(client.get(server.url(&format!("/v1/notes?limit={limit}"))).bearer_auth(&token)).await?;
        assert!([400, 422].contains(&refusal.status), "limit={limit}: {}", refusal.status);
    }
    let refusal = answer(client.get(server.url("/v1/notes?cursor=forged")).bearer_auth(&token)).await?;
    assert!([400, 422].contains(&refusal.status), "a forged cursor: {}", refusal.status);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_form_is_of_no_use_to_another_site() -> Result<()> {
    let server = Server::start()?;
    let user = server.dev().user("ada")?;
    let by_hand = HandMade::new(&server, "ada")?;
    let page = by_hand.browser().open(&by_hand.authorization_url(&[])).await?;
    let sign_in = page.url.join(page.header("location").expect("to the sign-in page"))?;
    let request = parameter(&sign_in, "request").expect("the request's id");
    let stranger = Browser::for_server(&server)?;
    for csrf in [None, Some("forged")] {
        let mut form =
            vec![("request", request.as_str()), ("username", &user.username), ("password", &user.password)];
        form.extend(csrf.map(|token| ("csrf", token)));
        let refusal = answer(stranger.client().post(server.url("/sign-in")).form(&form)).await?;
        assert!([400, 403].contains(&refusal.status), "csrf {csrf:?}: {}", refusal.status);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_says_ok_to_anything_and_ends_only_what_is_the_clients() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let tokens = ada.tokens().await?;
    let client = ada.browser().client();
    let revoke = async |token: &str| {
        answer(client.post(server.url("/oauth/revoke")).form(&[("token", token), ("client_id", CLIENT)]))
            .await
    };
    assert_eq!(revoke("unknown").await?.status, 200, "RFC 7009 §2.2");
    let current = ada.refresh(&tokens.refresh_token, Some(&attempt())).await?.tokens()?;
    assert_eq!(revoke(&current.refresh_token).await?.status, 200);
    assert_eq!(
        ada.refresh(&current.refresh_token, Some(&attempt())).await?.refusal(),
        (400, "invalid_grant".to_owned())
    );
    assert_eq!(ada.notes(&current.access_token).await?.status, 401);
    Ok(())
}
