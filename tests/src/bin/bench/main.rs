//! `bench [--json FILE]`: what each request costs on both engines, in one run, beside what the machine's own signature
//! and fsync cost; what the server needs of its machine; what the SDK costs, beside the same work without it; and how
//! large it is.

mod bare;
mod bindings;
mod engine;
mod flood;
mod goal;
mod house;
mod load;
mod machine;
mod memory;
mod point;
mod report;
mod sdk;
mod sdk_report;
mod serve;
mod sessions;
mod sign_ins;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use moorline_tests::{Library, Postgres, Redis, Server};

use crate::bindings::Bindings;
use crate::engine::{CLIENTS, POSTGRES, SQLITE};
use crate::load::{Connection, Load, Work};
use crate::memory::Memory;
use crate::report::Report;

/// Measures requests/s, p50, p99 and the server's CPU time a request, beside one RS256-2048 signature and one fsync.
#[derive(Debug, Parser)]
struct Arguments {
    /// Also write the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// How long each point is measured.
    #[arg(long, default_value_t = 6.0, value_parser = seconds)]
    seconds: f64,
    /// The library that Kotlin and Swift call, built for release: also say what it is made of.
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// What the libraries for Kotlin and Swift have measured: print that as well.
    #[arg(long, value_name = "FILE")]
    bindings: Option<PathBuf>,
    /// Measure these parts alone (comma-separated).
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::value_variants().to_vec())]
    only: Vec<Part>,
}

/// A part of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Bearer refreshes at a server without limits.
    Quiet,
    /// Each request on SQLite.
    Sqlite,
    /// What the server needs of its machine.
    House,
    /// What the SDK costs an app.
    Sdk,
    /// Each request on Postgres, and a bound refresh with a shared store beside it, if there is a `redis-server`.
    Postgres,
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
    let library = arguments.library.as_deref().map(Library::read).transpose()?;
    let bindings = arguments.bindings.as_deref().map(Bindings::read).transpose()?;
    let measured = |part| arguments.only.contains(&part);
    let mut server = Server::start()?;
    let most = CLIENTS.into_iter().max().unwrap_or_default();
    eprintln!("signing in {most} sessions …");
    let bearer = sessions::bearer(&server, most).await?;
    let mut bearer = Load::new(&server, bearer)?;

    let mut report = Report::new(machine::fsync_ms(server.folder())?);
    let time = Duration::from_secs_f64(arguments.seconds);
    // Signing is measured around every point, so that a noisy neighbour shows in both figures.
    report.signature(machine::signature_cpu_ms()?);
    if measured(Part::Quiet) {
        for clients in CLIENTS {
            let pid = server.pid()?;
            report.quiet(bearer.point(pid, clients, Connection::Warm, Work::Refresh, time).await?);
            report.signature(machine::signature_cpu_ms()?);
        }
    }
    server.stop()?;
    let file = server.folder().join("moorline.db").display().to_string();
    if measured(Part::Sqlite) {
        let mut serve = serve::start(&server, &file)?;
        engine::measure(SQLITE, &server, &serve, &mut report, time).await?;
        serve.stop()?;
    }
    if measured(Part::House) {
        house::measure(&server, &file, &mut bearer, time)
            .await?
            .into_iter()
            .for_each(|goal| report.goal(goal));
    }
    let sdk = if measured(Part::Sdk) {
        eprintln!("the SDK …");
        let mut serve = serve::start(&server, &file)?;
        let (figures, memory) = (as_an_app(&server)?, Memory::measure(&server).await?);
        serve.stop()?;
        report.sdk(figures.json(), memory);
        Some((figures, memory))
    } else {
        None
    };
    let on_postgres =
        if measured(Part::Postgres) { on_postgres(&mut server, &mut report, time).await } else { Ok(()) };
    report.es256_rate();
    report.print();
    on_postgres?;
    if let Some((figures, memory)) = sdk {
        figures.print();
        memory.print();
    }
    if let Some(bindings) = bindings {
        bindings.print();
        report.bindings(bindings.goals());
    }
    if let Some(library) = library {
        println!();
        library.print("host, release");
        report.library(library);
    }
    if let Some(file) = arguments.json {
        std::fs::write(&file, report.json()).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

/// The server on Postgres, and that for as long as the server is measured.
async fn on_postgres(server: &mut Server, report: &mut Report, time: Duration) -> Result<()> {
    let postgres = tokio::task::spawn_blocking(Postgres::start).await??;
    server.move_to(&postgres.url())?;
    let mut serve = serve::start(server, &postgres.url())?;
    engine::measure(POSTGRES, server, &serve, report, time).await?;
    serve.stop()?;
    let redis = match tokio::task::spawn_blocking(Redis::start).await? {
        Ok(redis) => redis,
        Err(error) => {
            eprintln!("nothing is measured with a shared store: {error:#}");
            return Ok(());
        }
    };
    let serve = serve::start_sharing(server, &postgres.url(), &redis.url())?;
    engine::measure_sharing(server, &serve, report, time).await
}

/// The SDK's figures, as an app would find them: on a runtime with threads, as `#[tokio::main]` makes one. (This one
/// has a single thread, and blocks it.)
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
