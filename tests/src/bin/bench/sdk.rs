//! What the SDK itself costs, beside what the same work costs without it, in the same run.
//!
//! Pairs are taken in turns, one with the SDK and one without, so that a noisy neighbour shows in both. Medians.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use moorline::{Configuration, HttpRequest, InsecureFileKeyStore, Moorline, Platform, SignInOptions};
use moorline_tests::Server;
use moorline_tests::sdk;
use tokio::runtime::Handle;

use crate::bare::Bare;
use crate::machine::whole_cpu;
use crate::point::median_ms;
use crate::sdk_report::{Figures, Refresh, Request, Store};

/// Calls of one measurement of a cached token, and how many of those there are.
const CALLS: u32 = 100_000;
const ROUNDS: usize = 9;
/// Pairs of what takes milliseconds, and of requests.
const PAIRS: usize = 200;
const REQUESTS: usize = 2_000;
/// Refreshes of new processes.
const COLD: usize = 40;
/// What is done before the clock starts.
const WARM_UP: usize = 20;

/// An app on a device, and what a program without the SDK would have in its place.
struct Bench<'a> {
    server: &'a Server,
    configuration: Configuration,
    folder: tempfile::TempDir,
    app: Moorline,
    bare: Bare,
}

/// Measures all of it.
///
/// Errors: when something is refused.
pub(crate) async fn measure(server: &Server) -> Result<Figures> {
    let folder = tempfile::tempdir_in(server.folder())?;
    let configuration = sdk::configuration(server.dev()).build()?;
    let app = Moorline::new(configuration.clone(), platform(folder.path()))?;
    sdk::sign_in(&app, server.dev(), "ada").await?;
    let bare = Bare::sign_in(server).await?;
    let bench = Bench { server, configuration, folder, app, bare };
    let folder = bench.folder.path();
    Ok(Figures {
        load: crate::machine::load(),
        cached_token_us: bench.cached_token().await?,
        opening_ms: bench.opening()?,
        store: bench.store().await?,
        request: bench.request().await?,
        request_of_task: bench.request_of_task(platform(folder).with_runtime(Handle::current())).await?,
        request_across_threads: bench.request_of_task(platform(folder)).await?,
        refresh: bench.refresh().await?,
        refresh_of_a_new_process_ms: bench.cold_refresh().await?,
    })
}

/// Its key is in a file: what the platform's key store takes is the platform's.
fn platform(folder: &Path) -> Platform {
    Platform::new(folder.join("vault"), Arc::new(InsecureFileKeyStore::new(folder.join("keys"))))
}

impl Bench<'_> {
    /// Microseconds of a call that finds its token in memory.
    async fn cached_token(&self) -> Result<f64> {
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..CALLS {
                black_box(self.app.access_token(black_box(Duration::ZERO)).await?);
            }
            rounds.push(start.elapsed() / CALLS);
        }
        Ok(median_ms(rounds) * 1e3)
    }

    /// Milliseconds that a start takes longer with a session to open (key, file, seal, contents) than with an empty
    /// folder.
    fn opening(&self) -> Result<f64> {
        let empty = tempfile::tempdir_in(self.server.folder())?;
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            for (folder, times) in [(self.folder.path(), &mut with), (empty.path(), &mut without)] {
                let (configuration, platform) = (self.configuration.clone(), platform(folder));
                let start = Instant::now();
                black_box(Moorline::new(configuration, platform)?);
                times.push(start.elapsed());
            }
        }
        Ok(median_ms(with) - median_ms(without))
    }

    /// A sign-in that is started is one durable store, and nothing of the network once the metadata is known.
    async fn store(&self) -> Result<Store> {
        let by_hand = tempfile::tempdir_in(self.server.folder())?;
        let length = fs::metadata(self.folder.path().join("vault/vault.moorline"))?.len();
        let bytes = vec![1; usize::try_from(length)?];
        let (mut ours, mut bare, mut file_alone) = (Vec::new(), Vec::new(), Vec::new());
        for nth in 0..PAIRS + WARM_UP {
            let start = Instant::now();
            self.app.start_sign_in(SignInOptions::default()).await?;
            let took = start.elapsed();
            let (file, both) = replace_by_hand(by_hand.path(), &bytes)?;
            if nth >= WARM_UP {
                ours.push(took);
                bare.push(both);
                file_alone.push(file);
            }
        }
        self.app.cancel_sign_in().await?;
        Ok(Store { ms: median_ms(ours), by_hand_ms: median_ms(bare), file_fsync_ms: median_ms(file_alone) })
    }

    /// The same request with the SDK and by a bare client, from wherever this is called.
    async fn request(&self) -> Result<Request> {
        let url = format!("{}/notes", self.server.dev().api);
        requests(self.app.clone(), self.bare.clone(), url).await
    }

    /// The same from a task of a runtime, whose threads then also serve the bare client's connection, and the SDK's
    /// where the platform has that runtime.
    async fn request_of_task(&self, platform: Platform) -> Result<Request> {
        let url = format!("{}/notes", self.server.dev().api);
        let app = Moorline::new(self.configuration.clone(), platform)?;
        tokio::spawn(requests(app, self.bare.clone(), url)).await?
    }

    /// A refresh with the SDK; the same exchange by a bare client in a session of its own; and the same writes by
    /// hand.
    async fn refresh(&self) -> Result<Refresh> {
        let mut bare_client = self.bare.clone();
        let by_hand = tempfile::tempdir_in(self.server.folder())?;
        let length = fs::metadata(self.folder.path().join("vault/vault.moorline"))?.len();
        let bytes = vec![1; usize::try_from(length)?];
        let (mut ours, mut bare, mut writes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut cpu, mut by_hand_cpu) = (Vec::new(), Vec::new());
        for nth in 0..PAIRS + WARM_UP {
            let (start, cpu_before) = (Instant::now(), whole_cpu());
            self.app.refresh(None).await?;
            let (took, cpu_of_ours) = (start.elapsed(), whole_cpu() - cpu_before);
            let (start, cpu_before) = (Instant::now(), whole_cpu());
            bare_client.refresh().await?;
            let bare_took = start.elapsed();
            let written = create_by_hand(by_hand.path())? + replace_by_hand(by_hand.path(), &bytes)?.1;
            let cpu_by_hand = whole_cpu() - cpu_before;
            if nth >= WARM_UP {
                ours.push(took);
                bare.push(bare_took);
                writes.push(written);
                cpu.push(cpu_of_ours);
                by_hand_cpu.push(cpu_by_hand);
            }
        }
        Ok(Refresh {
            ms: median_ms(ours),
            exchange_ms: median_ms(bare),
            writes_ms: median_ms(writes),
            cpu_ms: median_ms(cpu),
            by_hand_cpu_ms: median_ms(by_hand_cpu),
        })
    }

    /// The first refresh of a process: it opens the vault, connects, and asks for the metadata.
    async fn cold_refresh(&self) -> Result<f64> {
        let mut times = Vec::with_capacity(COLD);
        for _ in 0..COLD {
            let (configuration, platform) = (self.configuration.clone(), platform(self.folder.path()));
            let start = Instant::now();
            Moorline::new(configuration, platform)?.refresh(None).await?;
            times.push(start.elapsed());
        }
        Ok(median_ms(times))
    }
}

/// Requests in turns, each on a connection that is kept.
async fn requests(app: Moorline, mut bare: Bare, url: String) -> Result<Request> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for nth in 0..REQUESTS + WARM_UP {
        let request = HttpRequest::get(&url);
        let start = Instant::now();
        let answer = app.send(request).await?;
        let took = start.elapsed();
        ensure!(answer.status == 200, "{}", answer.status);
        let start = Instant::now();
        bare.get(&url).await?;
        let bare_took = start.elapsed();
        if nth >= WARM_UP {
            ours.push(took);
            theirs.push(bare_took);
        }
    }
    Ok(Request { ms: median_ms(ours), bare_ms: median_ms(theirs) })
}

/// What a vault does to the disk and nothing else: a file written and synced, put in the place of the old one, and the
/// folder synced. The time until the file was, and that of all.
fn replace_by_hand(folder: &Path, bytes: &[u8]) -> Result<(Duration, Duration)> {
    let start = Instant::now();
    let temporary = folder.join("new");
    let mut file = File::create_new(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let synced = start.elapsed();
    fs::rename(temporary, folder.join("file"))?;
    File::open(folder)?.sync_all()?;
    Ok((synced, start.elapsed()))
}

/// The same of a journal's record: written, synced, given its name, and the folder synced. (Last time's is removed
/// first.)
fn create_by_hand(folder: &Path) -> Result<Duration> {
    let (temporary, record) = (folder.join("begun"), folder.join("record"));
    let _ = fs::remove_file(&record);
    let start = Instant::now();
    let mut file = File::create_new(&temporary)?;
    file.write_all(&[1; 200])?;
    file.sync_all()?;
    fs::hard_link(&temporary, &record)?;
    fs::remove_file(temporary)?;
    File::open(folder)?.sync_all()?;
    Ok(start.elapsed())
}
