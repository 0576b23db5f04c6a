//! The faults that `moorline-server dev` plays on request, met by the real SDK.

use anyhow::{Result, bail};
use moorline::{Error, HttpRequest, Moorline, ReauthReason, SessionState, SignOutOptions};
use moorline_tests::sdk::{self, Device};
use moorline_tests::{Server, ServerOptions};

/// An app that is signed in at a server of its own.
struct Phone {
    server: Server,
    app: Moorline,
    device: Device,
}

impl Phone {
    async fn signed_in() -> Result<Self> {
        let server = Server::start_with(ServerOptions::default().with(["--http"]))?;
        let device = Device::new()?;
        let app = device.app(server.dev())?;
        sdk::sign_in(&app, server.dev(), "ada").await?;
        Ok(Self { server, app, device })
    }

    async fn order(&self, fault: &str) -> Result<u16> {
        let url = self.server.url(&format!("/dev/faults/{fault}"));
        Ok(self.app.send(HttpRequest::post(&url, "text/plain", "")).await?.status)
    }

    async fn notes(&self) -> Result<u16, Error> {
        Ok(self.app.send(HttpRequest::get(&self.server.url("/v1/notes"))).await?.status)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_costs_no_session() -> Result<()> {
    let phone = Phone::signed_in().await?;
    assert_eq!(phone.order("lose-next-answer").await?, 204);
    // The SDK sends again by itself, or the app calls again: either way there is one successor.
    if let Err(error) = phone.app.refresh(None).await {
        assert!(matches!(error, Error::Offline { .. }), "{error}");
        phone.app.refresh(None).await?;
    }
    assert_eq!(phone.notes().await?, 200);
    let info = phone.app.session_info();
    assert!(info.is_some_and(|info| info.refreshes >= 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_replaced_within_one_call() -> Result<()> {
    let phone = Phone::signed_in().await?;
    let before = phone.app.access_token(std::time::Duration::ZERO).await?;
    assert_eq!(phone.order("reject-next-token").await?, 204);
    assert_eq!(phone.notes().await?, 200);
    let after = phone.app.access_token(std::time::Duration::ZERO).await?;
    assert_ne!(before.secret(), after.secret());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_asks_for_a_new_sign_in() -> Result<()> {
    let phone = Phone::signed_in().await?;
    assert_eq!(phone.order("revoke-session").await?, 204);
    match phone.app.refresh(None).await {
        Err(Error::NeedsReauth(_)) => {}
        other => bail!("a revoked session cannot be refreshed: {other:?}"),
    }
    let state = phone.app.state();
    assert!(matches!(state, SessionState::NeedsReauth(ReauthReason::Revoked)), "{state:?}");
    phone.app.sign_out(SignOutOptions::default()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_by_an_hour_costs_nothing() -> Result<()> {
    let phone = Phone::signed_in().await?;
    assert_eq!(phone.order("skew-clock?seconds=3600").await?, 204);
    assert_eq!(phone.notes().await?, 200, "the access token had expired there, and was replaced");
    phone.app.refresh(None).await?;
    sdk::sign_in(&phone.app, phone.server.dev(), "ada").await?;
    assert_eq!(phone.notes().await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_has_no_nonce_yet_can_order_a_fault() -> Result<()> {
    let phone = Phone::signed_in().await?;
    // As the command line does: each of its commands is a process of its own, over the same vault.
    let restarted = phone.device.app(phone.server.dev())?;
    let url = phone.server.url("/dev/faults/lose-next-answer");
    let answer = restarted.send(HttpRequest::post(&url, "text/plain", "")).await?;
    assert_eq!(answer.status, 204);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_fault_and_an_order_without_a_token_are_refused() -> Result<()> {
    let phone = Phone::signed_in().await?;
    assert_eq!(phone.order("set-fire").await?, 404);
    let order = moorline_tests::Browser::new(None)?;
    let refused = order.client().post(phone.server.url("/dev/faults/revoke-session")).send().await?;
    assert_eq!(refused.status().as_u16(), 401);
    assert_eq!(phone.notes().await?, 200, "nothing was revoked");
    Ok(())
}
