//! One refresh, asked for again and again: by a broken network, or by a thief who has captured it.

use anyhow::Result;
use moorline_tests::oauth::{HandMade, Tokens, answer, attempt};
use moorline_tests::sdk::CLIENT;
use moorline_tests::{Server, audit};
use tokio::task::JoinSet;

/// Many at once, so that they share commits.
const CALLERS: usize = 40;
const EACH: usize = 250;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_retries_have_one_successor_and_none_outlives_the_rotation() -> Result<()> {
    let server = Server::start()?;
    let ada = HandMade::new(&server, "ada")?;
    let (token, key) = (ada.tokens().await?.refresh_token, attempt());
    let first = ada.refresh(&token, Some(&key)).await?.tokens()?;
    let mut callers: JoinSet<Result<()>> = JoinSet::new();
    for _ in 0..CALLERS {
        let (client, url) = (ada.browser().client().clone(), server.url("/oauth/token"));
        let (token, key, first) = (token.clone(), key.clone(), first.clone());
        callers.spawn(async move {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT),
                ("refresh_token", &token),
                ("refresh_attempt", &key),
            ];
            for _ in 0..EACH {
                assert_same(&first, &answer(client.post(&url).form(&form)).await?.tokens()?);
            }
            Ok(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    assert_eq!(audit::count(&server, "refresh.rotated")?, 1);
    assert_eq!(audit::count(&server, "refresh.retried")?, i64::try_from(CALLERS * EACH)?);
    assert_ne!(ada.refresh(&first.refresh_token, Some(&attempt())).await?.tokens()?.refresh_token, token);
    Ok(())
}

/// The access token is the same, byte for byte, and so its end is.
fn assert_same(first: &Tokens, again: &Tokens) {
    assert_eq!(first.refresh_token, again.refresh_token);
    assert_eq!(first.access_token, again.access_token);
    assert!(again.expires_in <= first.expires_in, "a retry mints no fresh token");
}
