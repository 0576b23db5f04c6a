//! Sign-ins: the page, and the password on it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use moorline_tests::browser::Consent;
use moorline_tests::{Browser, Server};

use crate::point::Outcome;

/// `count` sign-ins, `at_once` at a time, each in a new browser.
///
/// Errors: when one is refused.
pub(crate) async fn run(server: &Server, count: usize, at_once: usize) -> Result<Outcome> {
    let (start, begun) = (Instant::now(), AtomicUsize::new(0));
    let worker = async || {
        let mut latencies = Vec::new();
        while begun.fetch_add(1, Ordering::Relaxed) < count {
            let sent = Instant::now();
            one(server).await?;
            latencies.push(sent.elapsed());
        }
        anyhow::Ok(latencies)
    };
    let workers = (0..at_once).map(|_| worker());
    let mut latencies: Vec<_> = futures_util::future::try_join_all(workers).await?.concat();
    latencies.sort_unstable();
    Ok(Outcome { elapsed: start.elapsed(), latencies })
}

/// One sign-in.
///
/// Errors: when it is refused.
pub(crate) async fn one(server: &Server) -> Result<()> {
    let (browser, user) = (Browser::for_server(server)?, server.dev().user("ada")?);
    let landing = browser.walk(&server.url("/sign-in"), user, Consent::Allow).await?;
    let page = landing.page()?;
    ensure!(page.status == 200, "a sign-in ended with {}: {:?}", page.status, page.heading());
    Ok(())
}
