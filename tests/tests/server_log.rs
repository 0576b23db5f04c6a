//! What the server writes down while it works.

use anyhow::Result;
use moorline_tests::oauth::{HandMade, VERIFIER, attempt};
use moorline_tests::{Server, ServerOptions};

#[tokio::test(flavor = "multi_thread")]
async fn no_token_code_verifier_or_attempt_is_in_the_log_at_its_most_verbose() -> Result<()> {
    let server = Server::start_with(ServerOptions::default().with(["--log", "trace"]))?;
    let ada = HandMade::new(&server, "ada")?;
    let code = ada.code().await?;
    let first = ada.exchange(&code).await?.tokens()?;
    let (owners, thiefs) = (attempt(), attempt());
    let second = ada.refresh(&first.refresh_token, Some(&owners)).await?.tokens()?;
    ada.refresh(&first.refresh_token, Some(&owners)).await?.tokens()?;
    assert_eq!(ada.notes(&second.access_token).await?.status, 200);
    assert_eq!(ada.refresh(&first.refresh_token, Some(&thiefs)).await?.status, 400);
    assert_eq!(ada.notes(&second.access_token).await?.status, 401);
    assert_eq!(ada.exchange(&code).await?.status, 400);

    let log = server.output();
    assert!(log.contains("route=/oauth/token") && log.contains("refresh.reuse"), "the log is there");
    let id_token = first.id_token.unwrap_or_default();
    let secrets = [
        first.access_token.as_str(),
        first.refresh_token.as_str(),
        second.access_token.as_str(),
        second.refresh_token.as_str(),
        id_token.as_str(),
        code.as_str(),
        owners.as_str(),
        thiefs.as_str(),
        VERIFIER,
    ];
    for (number, secret) in secrets.into_iter().enumerate() {
        assert!(!secret.is_empty() && !log.contains(secret), "secret {number} is in the log");
    }
    Ok(())
}
