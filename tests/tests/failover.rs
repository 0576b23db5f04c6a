//! What nodes rely on fails over under load: the Redis that they share, and their PostgreSQL.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use moorline::TokenType;
use moorline_tests::dpop::HandMadeKey;
use moorline_tests::oauth::{Answer, HandMade, answer, attempt, exchange_form};
use moorline_tests::sdk::CLIENT;
use moorline_tests::{Load, Nodes, Postgres, audit};

/// Longer than any reconnection, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A bound session without the SDK: each request goes to the node that the test names, with the proof that it names.
struct Bound {
    client: reqwest::Client,
    key: HandMadeKey,
    access_token: String,
    /// The list of the notes, as clients know it.
    url: String,
    /// The same at each node.
    urls: Vec<String>,
}

impl Bound {
    async fn sign_in(nodes: &Nodes) -> Result<Self> {
        let (server, key) = (&nodes.servers[0], HandMadeKey::new()?);
        let hand = HandMade::new(server, "ada")?;
        let (code, endpoint) = (hand.code().await?, server.url("/oauth/token"));
        let client = hand.browser().client().clone();
        let request = client.post(&endpoint).form(&exchange_form(&code));
        let access_token = key.send(request, ["POST", &endpoint], None).await?.tokens()?.access_token;
        let urls =
            (0..nodes.servers.len()).map(|node| nodes.url(node, "/v1/notes")).collect::<Result<_>>()?;
        Ok(Self { client, key, access_token, url: server.url("/v1/notes"), urls })
    }

    /// A proof that is good at every node for one list of the notes.
    async fn proof(&self) -> Result<String> {
        let challenge = self.notes(0, &self.prove(None)?).await?;
        self.prove(Some(challenge.header("dpop-nonce")))
    }

    fn prove(&self, nonce: Option<&str>) -> Result<String> {
        self.key.prove("GET", &self.url, Some(&self.access_token), nonce)
    }

    async fn notes(&self, node: usize, proof: &str) -> Result<Answer> {
        let request = self.client.get(&self.urls[node]).header("dpop", proof);
        answer(request.header("authorization", format!("DPoP {}", self.access_token))).await
    }

    /// Waits until this node serves a new proof.
    async fn is_served_by(&self, node: usize) -> Result<()> {
        let serving = async {
            loop {
                let challenge = self.notes(node, &self.prove(None)?).await?;
                let served = self.notes(node, &self.prove(Some(challenge.header("dpop-nonce")))?).await?;
                if served.status == 200 {
                    return anyhow::Ok(());
                }
                ensure!(served.status == 503, "{}: {}", served.status, served.body);
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, serving).await.context("a node does not serve again")?
    }
}

/// Why a proof was refused.
fn refusal(answer: &Answer) -> (u16, &str) {
    let challenge = answer.header("www-authenticate");
    let error = challenge.split_once("error=\"").and_then(|(_, rest)| rest.split('"').next());
    (answer.status, error.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_store_that_fails_over_under_load_loses_no_session_and_revives_no_used_proof() -> Result<()>
{
    let mut nodes = Nodes::start(None).await?;
    let replica = tokio::task::block_in_place(|| nodes.redis.replica())?;
    let load = Load::start(&nodes, TokenType::DPoP).await?;
    load.has_refreshed(2).await?;
    let bound = Bound::sign_in(&nodes).await?;
    let (copied, not_copied, unused) = (bound.proof().await?, bound.proof().await?, bound.proof().await?);
    assert_eq!(bound.notes(0, &copied).await?.status, 200);
    nodes.redis.is_copied()?;
    // As where the copy lags behind.
    replica.cut_off()?;
    assert_eq!(bound.notes(0, &not_copied).await?.status, 200);
    for used in [&copied, &not_copied] {
        assert_eq!(refusal(&bound.notes(1, used).await?), (401, "invalid_dpop_proof"));
    }

    nodes.redis.kill()?;
    let proofs = [copied, not_copied, unused];
    for proof in &proofs {
        let closed = bound.notes(2, proof).await?;
        assert!(closed.status == 503 && !closed.header("retry-after").is_empty(), "{closed:?}");
    }
    replica.promote()?;
    nodes.redis.replaced_by(replica)?;
    load.has_refreshed(2).await?;
    for node in 0..3 {
        bound.is_served_by(node).await?;
        for proof in &proofs {
            assert_eq!(refusal(&bound.notes(node, proof).await?), (401, "use_dpop_nonce"));
        }
    }
    ends_well(nodes, load).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_standby_that_is_promoted_under_load_has_every_session_and_every_revocation()
-> Result<()> {
    let postgres = tokio::task::block_in_place(|| Postgres::start_with_standby(true))?;
    let mut nodes = Nodes::start_on(postgres, None).await?;
    let load = Load::start(&nodes, TokenType::DPoP).await?;
    load.has_refreshed(2).await?;
    let hand = HandMade::new(&nodes.servers[0], "ada")?;
    let (code, endpoint) = (hand.code().await?, nodes.servers[0].url("/oauth/token"));
    let client = hand.browser().client().clone();
    let tokens = hand.exchange(&code).await?.tokens()?;
    let form = [("client_id", CLIENT), ("token", tokens.refresh_token.as_str())];
    let revoked = answer(client.post(nodes.servers[0].url("/oauth/revoke")).form(&form)).await?;
    assert_eq!(revoked.status, 200, "{}", revoked.body);

    tokio::task::block_in_place(|| nodes.postgres.fail_over())?;
    load.has_refreshed(2).await?;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT),
        ("refresh_token", tokens.refresh_token.as_str()),
    ];
    let refused = answer(client.post(&endpoint).form(&form)).await?;
    assert_eq!(refused.refusal(), (400, "invalid_grant".to_owned()));
    ends_well(nodes, load).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_lags_behind_costs_no_session_and_brings_revoked_ones_back() -> Result<()> {
    let postgres = tokio::task::block_in_place(|| Postgres::start_with_standby(false))?;
    let mut nodes = Nodes::start_on(postgres, None).await?;
    let (refreshed, revoked) = {
        let hand = HandMade::new(&nodes.servers[0], "ada")?;
        let (one, other) = (hand.tokens().await?, hand.tokens().await?);
        tokio::task::block_in_place(|| nodes.postgres.cut_standby_off())?;
        let refreshed = hand.refresh(&one.refresh_token, Some(&attempt())).await?.tokens()?;
        let form = [("client_id", CLIENT), ("token", other.refresh_token.as_str())];
        let client = hand.browser().client();
        assert_eq!(answer(client.post(nodes.servers[0].url("/oauth/revoke")).form(&form)).await?.status, 200);
        (refreshed, other)
    };
    tokio::task::block_in_place(|| nodes.postgres.fail_over())?;
    let hand = HandMade::new(&nodes.servers[0], "ada")?;
    for token in [refreshed.refresh_token, revoked.refresh_token] {
        let key = attempt();
        // Each connection to the database notices by its first request that the primary is gone.
        let served = async {
            loop {
                let answer = hand.refresh(&token, Some(&key)).await?;
                if answer.status != 503 {
                    return answer.tokens();
                }
            }
        };
        tokio::time::timeout(PATIENCE, served).await.context("the nodes don't find the new primary")??;
    }
    assert_eq!(audit::count(&nodes.servers[0], "refresh.rollback_healed")?, 1);
    assert_eq!(audit::count(&nodes.servers[0], "refresh.reuse")?, 0);
    Ok(())
}

/// Every node runs on, no session was lost, and nothing looked like theft or like a database of before.
async fn ends_well(mut nodes: Nodes, load: Load) -> Result<()> {
    load.stop().await?;
    for server in &mut nodes.servers {
        assert!(!server.has_ended()?, "a node ended by itself");
    }
    for alarm in ["refresh.reuse", "code.reuse", "refresh.rollback_healed"] {
        assert_eq!(audit::count(&nodes.servers[0], alarm)?, 0, "{alarm}");
    }
    Ok(())
}
