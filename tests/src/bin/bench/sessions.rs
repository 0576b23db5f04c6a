//! Sessions to refresh, each made by a real sign-in.

use anyhow::Result;
use moorline_tests::Server;
use moorline_tests::oauth::HandMade;

/// The refresh tokens of `count` new sessions of one person: the password is typed once, the rest is the browser's cookie.
pub(crate) async fn sign_in(server: &Server, count: usize) -> Result<Vec<String>> {
    let ada = HandMade::new(server, "ada")?;
    let mut refresh_tokens = Vec::with_capacity(count);
    for _ in 0..count {
        refresh_tokens.push(ada.tokens().await?.refresh_token);
    }
    Ok(refresh_tokens)
}
