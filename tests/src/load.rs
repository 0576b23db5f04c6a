//! Apps that refresh and call the API, over and over, while a test ends what they rely on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use moorline::{HttpRequest, Moorline, Retry, SessionState, TokenType};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::sdk::{self, Device};
use crate::{Browser, Nodes};

/// See the module.
#[derive(Debug)]
pub struct Load {
    apps: JoinSet<Result<()>>,
    /// How many refreshes each app has behind it.
    refreshes: Vec<watch::Receiver<usize>>,
    stops: Arc<AtomicBool>,
}

const APPS: usize = 6;

/// How long an app waits before it asks again.
const PAUSE: Duration = Duration::from_millis(20);
/// Longer than any restart, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(120);

impl Load {
    /// Signs ada in on each, and starts them.
    ///
    /// Errors: when she can't sign in, or her sessions are of another kind.
    pub async fn start(nodes: &Nodes, kind: TokenType) -> Result<Self> {
        let dev = nodes.servers[0].dev();
        let browser = Browser::for_server(&nodes.servers[0])?;
        let stops = Arc::new(AtomicBool::new(false));
        let mut load = Self { apps: JoinSet::new(), refreshes: Vec::new(), stops: Arc::clone(&stops) };
        for _ in 0..APPS {
            let device = Device::new()?;
            let app = Moorline::new(sdk::configuration(dev).allow_bearer().build()?, device.platform())?;
            sdk::sign_in_with(&app, dev, &browser, "ada").await?;
            ensure!(app.session_info().context("a session")?.token_type == kind, "a session of another kind");
            let (counter, refreshes) = watch::channel(0);
            load.refreshes.push(refreshes);
            load.apps.spawn(work(device, app, dev.api.clone(), counter, Arc::clone(&stops)));
        }
        Ok(load)
    }

    /// Waits until each app has refreshed so many times more.
    ///
    /// Errors: when an app has lost its session, or makes no progress.
    pub async fn has_refreshed(&self, times: usize) -> Result<()> {
        let goals: Vec<usize> = self.refreshes.iter().map(|made| *made.borrow() + times).collect();
        for (refreshes, goal) in self.refreshes.iter().zip(goals) {
            let mut refreshes = refreshes.clone();
            let reached = tokio::time::timeout(PATIENCE, refreshes.wait_for(|made| *made >= goal));
            reached.await.context("an app makes no progress")?.context("an app lost its session")?;
        }
        Ok(())
    }

    /// Lets each app end what it does.
    ///
    /// Errors: when one has lost its session.
    pub async fn stop(mut self) -> Result<()> {
        self.stops.store(true, Ordering::SeqCst);
        while let Some(ended) = self.apps.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// One app. It ends when the test does, or when its session is lost.
async fn work(
    _device: Device,
    app: Moorline,
    api: String,
    refreshes: watch::Sender<usize>,
    stops: Arc<AtomicBool>,
) -> Result<()> {
    while !stops.load(Ordering::SeqCst) {
        while waits(app.refresh(None).await)?.is_none() {
            tokio::time::sleep(PAUSE).await;
        }
        refreshes.send_modify(|made| *made += 1);
        let status = loop {
            if let Some(status) = waits(notes(&app, &api).await)? {
                break status;
            }
            tokio::time::sleep(PAUSE).await;
        };
        // While Postgres is away, the API says so.
        ensure!([200, 503].contains(&status), "the API says {status}");
    }
    ensure!(matches!(app.state(), SessionState::SignedIn(_)), "{:?}", app.state());
    Ok(())
}

/// What an app makes of a result: `None` if it is to ask again.
fn waits<T>(done: Result<T, moorline::Error>) -> Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.retry() != Retry::Never => Ok(None),
        Err(error) => {
            // At once: the test learns of it by a channel that closes.
            eprintln!("a session was lost: {error:?}");
            Err(error.into())
        }
    }
}

/// The status of the list of notes.
///
/// Errors: the SDK's.
pub async fn notes(app: &Moorline, api: &str) -> Result<u16, moorline::Error> {
    Ok(app.send(HttpRequest::get(&format!("{api}/notes"))).await?.status)
}
