//! `bench [--json FILE]`: what a refresh costs, in one run, beside what the machine's own signature and fsync cost;
//! what the SDK costs, beside the same work without it; and how large it is.

mod bare;
mod bindings;
mod load;
mod machine;
mod memory;
mod report;
mod sdk;
mod sdk_report;
mod serve;
mod sessions;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use moorline_tests::{Library, Server};

use crate::bindings::Bindings;
use crate::load::{Connection, Load};
use crate::memory::Memory;
use crate::report::{Point, Report};
use crate::serve::Serve;

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
    /// The library that Kotlin and Swift call, built for release: also say what it is made of.
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// What the libraries for Kotlin and Swift have measured: print that as well.
    #[arg(long, value_name = "FILE")]
    bindings: Option<PathBuf>,
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
    let mut server = Server::start()?;
    let most = CLIENTS.into_iter().max().unwrap_or_default();
    eprintln!("signing in {most} sessions of each kind …");
    let bearer = sessions::bearer(&server, most).await?;
    let mut bearer = Load::new(&server, bearer)?;

    let mut report = Report::new(machine::fsync_ms(server.folder())?);
    let time = Duration::from_secs_f64(arguments.seconds);
    // Signing is measured around every point, so that a noisy neighbour shows in both figures.
    report.signature(machine::signature_cpu_ms()?);
    for clients in CLIENTS {
        let point = point(&mut bearer, server.pid()?, clients, Connection::Warm, time).await?;
        report.quiet(point);
        report.signature(machine::signature_cpu_ms()?);
    }
    let serve = Serve::take_over(&mut server)?;
    // Here and not before: the nonces of another process are of no use.
    let mut bound = Load::new(&server, sessions::bound(&server, most).await?)?;
    for (tokens, load) in [("bearer", &mut bearer), ("DPoP", &mut bound)] {
        for (connections, connection) in [("warm", Connection::Warm), ("cold", Connection::Cold)] {
            report.begin(tokens, connections);
            for clients in CLIENTS {
                report.point(point(load, serve.pid(), clients, connection, time).await?);
                report.signature(machine::signature_cpu_ms()?);
            }
        }
    }
    eprintln!("the SDK …");
    let (figures, memory) = (as_an_app(&server)?, Memory::measure(&server).await?);
    report.sdk(figures.json(), memory);
    report.print();
    figures.print();
    memory.print();
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

/// `clients` refresh at once for `time`.
async fn point(
    load: &mut Load,
    pid: u32,
    clients: usize,
    connection: Connection,
    time: Duration,
) -> Result<Point> {
    eprintln!("{clients} clients, {connection:?} connections, {:.1} s …", time.as_secs_f64());
    let mut connected = load.connect(clients, connection).await?;
    let (cpu, outcome) = machine::cpu_ms_of(pid, connected.run(time)).await?;
    let point = Point::new(clients, &outcome?, cpu);
    load.disconnect(connected);
    Ok(point)
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
