//! Three server processes on one PostgreSQL: races, revocations, sign-ins across nodes, and what dies under load.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use moorline::{SignInOptions, TokenType};
use moorline_tests::dpop::HandMadeKey;
use moorline_tests::http1::Message;
use moorline_tests::load::notes;
use moorline_tests::oauth::{Answer, HandMade, Tokens, answer, attempt, exchange_form};
use moorline_tests::proxy::strike_dpop;
use moorline_tests::sdk::{CLIENT, Device};
use moorline_tests::{Browser, Exchange, Fault, Load, LossyProxy, Nodes, Shutdown, Weather, audit};

/// How often a race is run: not every one is close.
const RACES: usize = 5;

fn refresh_form<'a>(token: &'a str, attempt: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT),
        ("refresh_token", token),
        ("refresh_attempt", attempt),
    ]
}

/// A session without the SDK, so that a test decides which node gets a request.
struct Racer<'a> {
    nodes: &'a Nodes,
    hand: HandMade<'a>,
    /// The key of a bound session.
    key: Option<HandMadeKey>,
}

impl<'a> Racer<'a> {
    fn new(nodes: &'a Nodes, bound: bool) -> Result<Self> {
        let key = bound.then(HandMadeKey::new).transpose()?;
        Ok(Self { nodes, hand: HandMade::new(&nodes.servers[0], "ada")?, key })
    }

    async fn sign_in(&self) -> Result<Tokens> {
        let code = self.hand.code().await?;
        self.token(0, &exchange_form(&code)).await?.tokens()
    }

    /// Sends a form to the token endpoint of one node.
    async fn token(&self, node: usize, form: &[(&str, &str)]) -> Result<Answer> {
        let request = self.hand.browser().client().post(self.nodes.url(node, "/oauth/token")?).form(form);
        match &self.key {
            // `htu` names the endpoint as clients know it.
            Some(key) => key.send(request, ["POST", &self.nodes.servers[0].url("/oauth/token")], None).await,
            None => answer(request).await,
        }
    }

    /// Refreshes on all nodes at once, with one attempt key: as the processes of an app do.
    async fn race(&self, token: &str) -> Result<[Answer; 3]> {
        let key = attempt();
        let form = refresh_form(token, &key);
        let answers = tokio::try_join!(self.token(0, &form), self.token(1, &form), self.token(2, &form))?;
        Ok(answers.into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_is_raced_on_three_nodes_has_one_winner_and_is_no_reuse() -> Result<()> {
    let nodes = Nodes::start(None).await?;
    for bound in [false, true] {
        let racer = Racer::new(&nodes, bound)?;
        let mut tokens = racer.sign_in().await?;
        let before = audit::count(&nodes.servers[0], "refresh.rotated")?;
        for _ in 0..RACES {
            let answers = racer.race(&tokens.refresh_token).await?;
            let successors = answers.iter().map(Answer::tokens).collect::<Result<Vec<_>>>()?;
            let different: HashSet<_> = successors.iter().map(|tokens| &tokens.refresh_token).collect();
            assert_eq!(different.len(), 1, "one successor");
            tokens = successors.into_iter().next().context("three answers")?;
        }
        let rotated = audit::count(&nodes.servers[0], "refresh.rotated")? - before;
        assert_eq!(rotated, i64::try_from(RACES)?, "each race has one winner, bound: {bound}");
    }
    assert_eq!(audit::count(&nodes.servers[0], "refresh.reuse")?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_is_dead_on_every_node_within_a_second() -> Result<()> {
    let nodes = Nodes::start(None).await?;
    let racer = Racer::new(&nodes, false)?;
    let tokens = racer.sign_in().await?;
    let client = racer.hand.browser().client();
    let notes = |node| -> Result<_> {
        Ok(answer(client.get(nodes.url(node, "/v1/notes")?).bearer_auth(&tokens.access_token)))
    };
    for node in 0..3 {
        assert_eq!(notes(node)?.await?.status, 200);
    }
    let form = [("client_id", CLIENT), ("token", tokens.refresh_token.as_str())];
    let revoked = answer(client.post(nodes.url(0, "/oauth/revoke")?).form(&form)).await?;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    let since = Instant::now();
    for node in 0..3 {
        loop {
            let asked_after = since.elapsed();
            if notes(node)?.await?.status == 401 {
                break;
            }
            ensure!(asked_after < Duration::from_secs(1), "node {node} still serves it");
        }
        let refused = racer.token(node, &refresh_form(&tokens.refresh_token, &attempt())).await?;
        assert_eq!(refused.refusal(), (400, "invalid_grant".to_owned()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_begins_on_one_node_goes_on_and_ends_on_others() -> Result<()> {
    let nodes = Nodes::start(None).await?;
    let (dev, device) = (nodes.servers[0].dev(), Device::new()?);
    let app = device.app(dev)?;
    let request = app.start_sign_in(SignInOptions::default()).await?;
    let before = nodes.balancer.used();
    let browser = Browser::that_reconnects(dev.ca_pem.as_deref())?;
    let callback = browser.sign_in(&request.url, dev.user("ada")?).await?;
    let used = nodes.balancer.used();
    let by_node: Vec<_> = used.iter().zip(before).map(|(now, before)| now - before).collect();
    assert!(by_node.iter().all(|requests| *requests > 0), "each node has served a page: {by_node:?}");
    // Another process of the app, with a connection of its own, takes the code to yet another node.
    drop(app);
    let app = device.app(dev)?;
    app.finish_sign_in(callback.as_str()).await?;
    assert_eq!(notes(&app, &dev.api).await?, 200);
    assert_eq!(audit::count(&nodes.servers[0], "session.started")?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_nodes_and_a_restarted_database_under_load_lose_no_bound_session() -> Result<()> {
    comes_through(Nodes::start(None).await?, TokenType::DPoP).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_nodes_and_a_restarted_database_under_load_lose_no_bearer_session() -> Result<()> {
    let proxy = LossyProxy::bind(0).await?;
    proxy.under(Arc::new(WithoutDpop));
    comes_through(Nodes::start(Some(proxy)).await?, TokenType::Bearer).await
}

/// Kills each node in turn, and restarts Postgres in two ways, while apps refresh and call the API.
async fn comes_through(mut nodes: Nodes, kind: TokenType) -> Result<()> {
    let load = Load::start(&nodes, kind).await?;
    for node in 0..3 {
        load.has_refreshed(2).await?;
        nodes.servers[node].kill()?;
        // The others serve all of them.
        load.has_refreshed(2).await?;
        tokio::task::block_in_place(|| nodes.servers[node].restart())?;
    }
    for how in [Shutdown::Fast, Shutdown::Immediate] {
        load.has_refreshed(2).await?;
        tokio::task::block_in_place(|| nodes.postgres.restart(how))?;
        load.has_refreshed(2).await?;
    }
    for server in &mut nodes.servers {
        assert!(!server.has_ended()?, "a node ended by itself");
    }
    load.stop().await?;
    for alarm in ["refresh.reuse", "code.reuse", "refresh.rollback_healed"] {
        assert_eq!(audit::count(&nodes.servers[0], alarm)?, 0, "{alarm}");
    }
    Ok(())
}

/// Strikes DPoP out of the metadata.
#[derive(Debug)]
struct WithoutDpop;

impl Weather for WithoutDpop {
    fn fault(&self, _: &Message) -> Option<Fault> {
        None
    }

    fn bend(&self, request: &Message, answer: &mut Message) {
        strike_dpop(request, answer);
    }

    fn passed(&self, _: Exchange) {}
}
