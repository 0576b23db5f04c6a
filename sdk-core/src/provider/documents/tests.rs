//! When the provider is asked for its documents, and what happens while it does not answer.

use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};

use super::*;
use crate::platform::NetworkParts;
use crate::testing::{
    TestClock,
    signer::Signer,
    tls_server::{Server, answer},
};

/// A provider on loopback whose answers a test can break.
struct Scene {
    server: Server,
    clock: Arc<TestClock>,
    configuration: Configuration,
    broken: Arc<Mutex<Option<(u16, &'static str)>>>,
}

impl Scene {
    async fn set() -> Self {
        let issuer = Arc::new(OnceLock::<String>::new());
        let broken: Arc<Mutex<Option<(u16, &'static str)>>> = Arc::default();
        let (told, instead) = (issuer.clone(), broken.clone());
        let keys = json!({ "keys": [Signer::es256("1").jwk()] }).to_string();
        let server = Server::plain(move |line, _| {
            if let Some((status, body)) = *instead.lock().unwrap() {
                return answer(status, body);
            }
            let issuer = told.get().unwrap();
            answer(200, &if line.contains("/jwks") { keys.clone() } else { metadata(issuer).to_string() })
        })
        .await;
        let address = server.plain_url("/").to_string();
        issuer.set(address.clone()).unwrap();
        let configuration =
            Configuration::builder(&address, "notes").allow_http_on_loopback().build().unwrap();
        Self { server, clock: Arc::default(), configuration, broken }
    }

    /// A process that has asked nothing yet.
    fn process(&self) -> Arc<Documents> {
        let transport = Transport::new(&self.configuration, NetworkParts::default()).unwrap();
        Arc::new(Documents::new(self.configuration.clone(), transport, self.clock.clone()))
    }

    /// A process that finds in the vault what another one has stored.
    async fn restarted(&self, age: Duration) -> Arc<Documents> {
        let before = self.process();
        let metadata = before.metadata().await.unwrap();
        before.keys(&metadata.jwks_uri).await.unwrap();
        let stored = serde_json::to_vec(&before.to_store().unwrap()).unwrap();
        self.clock.pass(age);
        let process = self.process();
        process.adopt(&serde_json::from_slice(&stored).unwrap());
        process
    }

    fn breaks(&self, status: u16, body: &'static str) {
        *self.broken.lock().unwrap() = Some((status, body));
    }

    fn works(&self) {
        *self.broken.lock().unwrap() = None;
    }

    fn asked(&self) -> usize {
        self.server.seen().requests.len()
    }

    /// Waits until the provider was asked so often.
    async fn is_asked(&self, times: usize) {
        while self.asked() < times {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.asked(), times);
    }
}

fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}authorize"),
        "token_endpoint": format!("{issuer}token"),
        "jwks_uri": format!("{issuer}jwks"),
    })
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn metadata_is_used_for_an_hour_and_then_asked_for_while_it_is_used() {
    let scene = Scene::set().await;
    let documents = scene.process();
    let first = documents.metadata().await.unwrap();
    scene.clock.pass(HOUR - Duration::from_secs(1));
    assert!(Arc::ptr_eq(&first, &documents.metadata().await.unwrap()));
    assert_eq!(scene.asked(), 1);
    scene.clock.pass(Duration::from_secs(1));
    assert!(Arc::ptr_eq(&first, &documents.metadata().await.unwrap()), "nobody waits");
    scene.is_asked(2).await;
    while Arc::ptr_eq(&first, &documents.metadata().await.unwrap()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_left_alone_for_a_minute() {
    let scene = Scene::set().await;
    let documents = scene.process();
    let first = documents.metadata().await.unwrap();
    scene.clock.pass(DAY);
    scene.breaks(503, "");
    for _ in 0..5 {
        assert!(Arc::ptr_eq(&first, &documents.metadata().await.unwrap()), "an old one is better than none");
    }
    assert_eq!(scene.asked(), 2, "no call waits for it");
    let newer = documents.newer_metadata().await;
    assert!(newer.is_err_and(|error| error.is_passing()), "what does not allow it is not used");
    documents.network_changed();
    documents.metadata().await.unwrap();
    assert_eq!(scene.asked(), 4, "on another network it may answer");
    scene.works();
    scene.clock.pass(Duration::from_secs(60));
    assert!(!Arc::ptr_eq(&first, &documents.metadata().await.unwrap()));
    assert_eq!(scene.asked(), 5);
}

#[tokio::test]
async fn a_cold_start_uses_what_was_stored_within_the_hour_and_asks_nobody() {
    let scene = Scene::set().await;
    let process = scene.restarted(HOUR - Duration::from_secs(1)).await;
    let asked = scene.asked();
    scene.breaks(404, "<html>");
    let metadata = process.metadata().await.unwrap();
    process.keys(&metadata.jwks_uri).await.unwrap();
    assert_eq!(scene.asked(), asked);
}

#[tokio::test]
async fn a_cold_start_within_the_day_waits_for_nobody() {
    let scene = Scene::set().await;
    let process = scene.restarted(DAY - Duration::from_secs(1)).await;
    let asked = scene.asked();
    process.metadata().await.unwrap();
    scene.is_asked(asked + 1).await;
}

#[tokio::test]
async fn a_cold_start_after_a_day_asks_first_and_falls_back_on_passing_trouble() {
    for (status, body) in [(200, "<html>"), (403, ""), (404, ""), (302, ""), (503, ""), (200, "{\"issuer\":")]
    {
        let scene = Scene::set().await;
        let process = scene.restarted(DAY * 30).await;
        let asked = scene.asked();
        scene.breaks(status, body);
        process.metadata().await.unwrap();
        assert!(scene.asked() > asked, "{status} {body}");
    }
    let scene = Scene::set().await;
    let process = scene.restarted(DAY).await;
    scene.breaks(
        200,
        r#"{"issuer":"https://other.example","authorization_endpoint":"https://other.example/a",
            "token_endpoint":"https://other.example/t","jwks_uri":"https://other.example/k"}"#,
    );
    let error = process.metadata().await.unwrap_err();
    assert!(matches!(error, DiscoveryError::IssuerMismatch { .. }), "the provider's own word counts");
}

/// The clock of the time-outs is moved by tokio: it stands while anything else is to be done.
#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_delays_a_call_by_a_second_once_while_there_is_something_old() {
    let hangs = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}/", hangs.local_addr().unwrap());
    let configuration = Configuration::builder(&issuer, "notes").allow_http_on_loopback().build().unwrap();
    let clock: Arc<TestClock> = Arc::default();
    let Value::Object(document) = metadata(&issuer) else { panic!("an object") };
    let read = Metadata::parse(&document, &configuration).unwrap();
    let (keys, stored_at) = (Jwks::of(&[Signer::es256("1").jwk()]), unix_seconds(&*clock));
    for (age, waits) in [(HOUR * 2, false), (DAY * 2, true)] {
        let stored = StoredProvider::of(&read, stored_at, None).unwrap();
        let now = Arc::new(TestClock::default());
        now.pass(age);
        let transport = Transport::new(&configuration, NetworkParts::default()).unwrap();
        let process = Arc::new(Documents::new(configuration.clone(), transport, now));
        process.adopt(&stored);
        for first in [true, false] {
            let began = tokio::time::Instant::now();
            process.metadata().await.unwrap();
            let waited = began.elapsed();
            let expected = if waits && first { PATIENCE } else { Duration::ZERO };
            assert!(
                (expected..expected + Duration::from_millis(100)).contains(&waited),
                "{age:?}: {waited:?}"
            );
        }
    }
    let process = Arc::new(Documents::new(
        configuration.clone(),
        Transport::new(&configuration, NetworkParts::default()).unwrap(),
        clock.clone(),
    ));
    process.adopt(&StoredProvider::of(&read, stored_at, Some((&keys, stored_at))).unwrap());
    clock.pass(HOUR);
    for first in [true, false] {
        let began = tokio::time::Instant::now();
        process.keys(&read.jwks_uri).await.unwrap();
        let expected = if first { PATIENCE } else { Duration::ZERO };
        assert!(
            (expected..expected + Duration::from_millis(100)).contains(&began.elapsed()),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn what_was_stored_in_the_future_is_of_unknown_age() {
    let scene = Scene::set().await;
    let process = scene.restarted(Duration::ZERO).await;
    let stored = process.to_store().unwrap();
    scene.clock.set_ahead(-3600);
    let asked = scene.asked();
    let process = scene.process();
    process.adopt(&stored);
    process.metadata().await.unwrap();
    assert_eq!(scene.asked(), asked + 1);
}

#[tokio::test]
async fn what_was_stored_is_never_used_for_another_issuer_nor_if_it_would_be_refused_as_an_answer() {
    let scene = Scene::set().await;
    let documents = scene.process();
    documents.metadata().await.unwrap();
    let good = serde_json::to_value(documents.to_store().unwrap()).unwrap();
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        let process = scene.process();
        if let Ok(stored) = serde_json::from_value(changed) {
            process.adopt(&stored);
        }
        !process.are_known()
    };
    assert!(!broken(&|_| ()));
    assert!(broken(&|stored| stored["issuer"] = "https://other.example".into()));
    assert!(broken(&|stored| stored["metadata"]["issuer"] = "https://other.example".into()));
    assert!(broken(&|stored| stored["metadata"]["token_endpoint"] = "http://evil.example/t".into()));
    assert!(broken(&|stored| stored["metadata"]["jwks_uri"] = Value::Null));
    assert!(broken(&|stored| stored["metadata"] = json!([])));
}

#[tokio::test]
async fn keys_that_a_token_asks_for_are_fetched_again_but_not_at_once() {
    let scene = Scene::set().await;
    let documents = scene.process();
    let address = scene.server.plain_url("/jwks");
    documents.keys(&address).await.unwrap();
    for _ in 0..20 {
        documents.newer_keys(&address).await.unwrap();
    }
    assert_eq!(scene.asked(), 1);
    scene.clock.pass(Duration::from_secs(10));
    documents.newer_keys(&address).await.unwrap();
    assert_eq!(scene.asked(), 2);
    scene.clock.pass(HOUR);
    documents.keys(&address).await.unwrap();
    assert_eq!(scene.asked(), 3);
    documents.keys(&scene.server.plain_url("/jwks?other")).await.unwrap();
    assert_eq!(scene.asked(), 4, "keys are of one address");
}

#[tokio::test]
async fn keys_of_before_are_used_for_a_day_and_no_longer() {
    let scene = Scene::set().await;
    let documents = scene.process();
    let address = scene.server.plain_url("/jwks");
    documents.keys(&address).await.unwrap();
    scene.breaks(503, "");
    scene.clock.pass(HOUR);
    for _ in 0..3 {
        documents.keys(&address).await.unwrap();
    }
    assert_eq!(scene.asked(), 2, "the provider is left alone for a minute");
    assert_eq!(documents.newer_keys(&address).await, Err(JwksError::Status(503)), "they lack the key");
    scene.clock.pass(DAY);
    assert_eq!(documents.keys(&address).await, Err(JwksError::Status(503)));
}

#[tokio::test]
async fn whatever_answers_in_place_of_the_keys_is_passing_trouble() {
    for (status, body) in [
        (200, "<html>"),
        (200, "{\"keys\":"),
        (200, "{\"keys\":[]}"),
        (200, "{\"keys\":[{}]}"),
        (403, ""),
        (404, ""),
        (302, ""),
        (503, ""),
    ] {
        let scene = Scene::set().await;
        scene.breaks(status, body);
        let error = scene.process().keys(&scene.server.plain_url("/jwks")).await.unwrap_err();
        assert_eq!(Error::from(error), Error::offline(), "{status} {body}");
    }
}

#[test]
fn documents_are_written_again_only_if_they_changed_or_are_a_day_younger() {
    let configuration = Configuration::builder("https://id.example.com/", "notes").build().unwrap();
    let Value::Object(document) = metadata("https://id.example.com/") else { panic!("an object") };
    let metadata = Metadata::parse(&document, &configuration).unwrap();
    let keys = Jwks::of(&[Signer::es256("1").jwk()]);
    let stored =
        |at, keys: Option<&Jwks>| StoredProvider::of(&metadata, at, keys.map(|keys| (keys, at))).unwrap();
    let before = stored(1_000, Some(&keys));
    assert!(before.replaces(None));
    assert!(!stored(1_000, Some(&keys)).replaces(Some(&before)));
    assert!(!stored(87_399, Some(&keys)).replaces(Some(&before)));
    assert!(stored(87_400, Some(&keys)).replaces(Some(&before)));
    assert!(stored(1_001, Some(&Jwks::of(&[Signer::es256("2").jwk()]))).replaces(Some(&before)));
    let many: Vec<_> = (0..64).map(|_| Signer::rs256("1").jwk()).collect();
    let large = stored(1, Some(&Jwks::of(&many)));
    assert!(
        serde_json::to_vec(&large).unwrap().len() < 8 * 1024,
        "keys are left out before the vault gets large"
    );
}
