//! `moorline-server dev --http`: for clients that can't be given a CA, on loopback alone.

use std::process::Command;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moorline::{Configuration, HttpRequest, SignOutOptions};
use moorline_tests::oauth::{HandMade, VERIFIER, answer, attempt};
use moorline_tests::sdk::{self, Device};
use moorline_tests::{Server, ServerOptions, binaries};

const CALLBACK: &str = "http://127.0.0.1:9/callback";

fn plain() -> ServerOptions {
    ServerOptions::default().with(["--http"])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_takes_plain_http_on_loopback_where_it_was_asked_to() -> Result<()> {
    let server = Server::start_with(plain())?;
    let dev = server.dev();
    assert!(dev.http && dev.ca_pem.is_none() && dev.pins.is_none());
    let refusal = Configuration::builder(&dev.issuer, sdk::CLIENT).redirect_uri(sdk::REDIRECT).build();
    assert!(matches!(refusal, Err(moorline::Error::Misconfigured(_))), "{refusal:?}");

    let device = Device::new()?;
    let app = device.app(dev)?;
    sdk::sign_in(&app, dev, "ada").await?;
    app.refresh(None).await?;
    assert_eq!(app.send(HttpRequest::get(&server.url("/v1/notes"))).await?.status, 200);
    assert!(app.sign_out(SignOutOptions::default()).await?.revoked);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confidential_client_must_show_its_secret_and_may_in_either_way() -> Result<()> {
    let client = format!(
        "id=shop,secret=a secret of the shop,redirect={CALLBACK},scope=openid offline_access notes.read"
    );
    let person = "username=zoe,password=correct horse battery staple,role=user,name=Zoe";
    let server = Server::start_with(plain().with(["--client", &client, "--user", person]))?;
    let zoe = HandMade::new(&server, "zoe")?;
    let code = async || {
        let changes = [
            ("client_id", "shop"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid offline_access notes.read"),
        ];
        zoe.code_for(&changes.map(|(name, value)| (name, Some(value)))).await
    };
    let exchange = async |code: &str, credentials: &[(&str, &str)], basic: Option<&str>| {
        let proper = [
            ("grant_type", "authorization_code"),
            ("redirect_uri", CALLBACK),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        let mut request = zoe
            .browser()
            .client()
            .post(server.url("/oauth/token"))
            .form(&[&proper[..], credentials].concat());
        if let Some(credentials) = basic {
            request = request.header("authorization", format!("Basic {}", STANDARD.encode(credentials)));
        }
        answer(request).await
    };

    for (what, credentials, basic) in [
        ("no secret", &[("client_id", "shop")][..], None),
        ("a wrong secret", &[("client_id", "shop"), ("client_secret", "wrong")], None),
        ("a wrong secret in the header", &[], Some("shop:wrong")),
        (
            "both ways at once",
            &[("client_id", "shop"), ("client_secret", "a secret of the shop")],
            Some("shop:a secret of the shop"),
        ),
    ] {
        let refusal = exchange(&code().await?, credentials, basic).await?;
        assert!([400, 401].contains(&refusal.status), "{what}: {} {}", refusal.status, refusal.body);
        assert!(
            ["invalid_client", "invalid_request"].contains(&refusal.member("error").as_str()),
            "{what}: {}",
            refusal.body
        );
    }
    let by_post =
        exchange(&code().await?, &[("client_id", "shop"), ("client_secret", "a secret of the shop")], None)
            .await?;
    by_post.tokens().context("client_secret_post")?;
    // RFC 6749 §2.3.1: form-encoded before it is joined.
    let by_basic = exchange(&code().await?, &[], Some("shop:a+secret+of+the+shop")).await?;
    let tokens = by_basic.tokens().context("client_secret_basic")?;

    let theft = zoe.refresh(&tokens.refresh_token, Some(&attempt())).await?;
    assert_eq!(
        theft.refusal(),
        (400, "invalid_grant".to_owned()),
        "the demo client can't use the shop's token"
    );
    assert_eq!(zoe.notes(&tokens.access_token).await?.status, 200);
    Ok(())
}

#[test]
fn plain_http_beyond_loopback_is_refused_in_words() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = Command::new(binaries::server()?)
        .args(["dev", "--http", "--listen", "0.0.0.0", "--port", "0", "--dir"])
        .arg(folder.path())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("loopback"), "{said}");
    Ok(())
}
