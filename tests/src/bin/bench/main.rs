//! `bench [--json FILE]`: what a refresh costs, in one run, beside what the machine's own signature and fsync cost; and
//! what the SDK costs, beside the same work without it.

mod bare;
mod load;
mod machine;
mod report;
mod sdk;
mod sdk_report;
mod sessions;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use moorline_tests::Server;

use crate::load::Load;
use crate::report::Report;

/// How many clients refresh at once at each point.
const CLIENTS: [usize; 3] = [1, 16, 64];

/// Measures refreshes/s, p50, p99 and the server's CPU time a refresh, beside one RS256-2048 signature and one fsync.
#[derive(Debug, Parser)]
struct Arguments {
    /// Also write the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// How long each point is measured.
    #[arg(long, default_value_t = 6.0, value_parser = seconds)]
    seconds: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("between 0.1 and 600".to_owned()),
    }
}

/// One thread: what the clients use of the machine stays small beside the server.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(!cfg!(debug_assertions), "figures without optimisation mean nothing: use `cargo xtask bench`");
    if let Some(file) = &arguments.json {
        moorline_tests::can_be_written(file)?;
    }
    let server = Server::start()?;
    let most = CLIENTS.into_iter().max().unwrap_or_default();
    eprintln!("signing in {most} sessions …");
    let sessions = sessions::sign_in(&server, most).await?;
    let mut load = Load::new(&server, sessions)?;

    let mut report = Report::new(machine::fsync_ms(server.folder())?);
    let time = Duration::from_secs_f64(arguments.seconds);
    // Signing is measured around every point, so that a noisy neighbour shows in both figures.
    report.signature(machine::signature_cpu_ms()?);
    for clients in CLIENTS {
        eprintln!("{clients} clients, {:.1} s …", arguments.seconds);
        let pid = server.pid()?;
        let mut connected = load.connect(clients).await?;
        let (cpu, outcome) = machine::cpu_ms_of(pid, connected.run(time)).await?;
        report.point(clients, &outcome?, cpu);
        load.disconnect(connected);
        report.signature(machine::signature_cpu_ms()?);
    }
    eprintln!("the SDK …");
    let figures = as_an_app(&server)?;
    report.sdk(figures.json());
    report.print();
    figures.print();
    if let Some(file) = arguments.json {
        std::fs::write(&file, report.json()).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

/// The SDK's figures, as an app would find them: on a runtime with threads, as `#[tokio::main]` makes one. (This one has a
/// single thread, and blocks it.)
fn as_an_app(server: &Server) -> Result<sdk_report::Figures> {
    let measure = || {
        // It must go on this thread, too: the main one is a runtime's, on which none may be dropped.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(sdk::measure(server))
    };
    std::thread::scope(|scope| {
        scope.spawn(measure).join().unwrap_or_else(|_| bail!("the measurement panicked"))
    })
}
