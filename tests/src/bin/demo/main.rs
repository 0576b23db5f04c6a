//! `demo [--once] [--port N]`: starts the backend and plays the main job with the real SDK over TLS; each step says in
//! a line what was proved.

mod screen;
mod steps;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use moorline_tests::{LossyProxy, Server, ServerOptions};

use crate::screen::Screen;
use crate::steps::Demo;

/// Plays Moorline's main job against a real backend: sign in, use the API, lose an answer, meet a thief, sign out.
#[derive(Debug, Parser)]
struct Arguments {
    /// Stop the backend at the end instead of leaving it running for a browser.
    #[arg(long)]
    once: bool,
    /// The port to serve on; a free one if 0.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Another user who can sign in, as `username=…,password=…,name=…`; may be given more than once.
    #[arg(long, value_name = "SPEC")]
    user: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let screen = Screen::new();
    match run(&Arguments::parse(), &screen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen.failed(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments, screen: &Screen) -> Result<()> {
    // From here on, a signal ends the program in an orderly way: it stops the backend and removes its files.
    let mut stop = Stop::listen()?;
    let proxy = LossyProxy::bind(arguments.port).await?;
    let issuer = format!("https://localhost:{}", proxy.port());
    screen.title("Moorline", "a session is never lost by accident, and a stolen token is never of use");
    let mut options = ServerOptions::default().with(["--issuer", &issuer]);
    options.arguments.extend(arguments.user.iter().flat_map(|user| ["--user".to_owned(), user.clone()]));
    let server = Server::start_with(options)?;
    proxy.run(&server)?;
    screen.note(&format!(
        "backend at {issuer}, as process {}, behind a proxy that can lose answers",
        server.pid()?
    ));

    tokio::select! {
        played = play(screen, &server, &proxy) => played?,
        () = stop.asked() => bail!("stopped before the end"),
    }
    if !arguments.once {
        show_around(screen, &server);
    }
    start_the_samples(screen);
    if !arguments.once {
        screen.note("Ctrl-C stops the backend and removes its files");
        stop.asked().await;
        screen.note("stopped");
    }
    Ok(())
}

async fn play(screen: &Screen, server: &Server, proxy: &LossyProxy) -> Result<()> {
    let demo = Demo::new(server, proxy)?;
    screen.step("Sign in", demo.sign_in()).await?;
    screen.step("Use the API", demo.use_the_api()).await?;
    screen.step("Lose an answer", demo.lose_an_answer()).await?;
    screen.step("Meet a thief", demo.meet_a_thief()).await?;
    screen.step("Sign in again", demo.sign_in_again()).await?;
    screen.step("Sign out", demo.sign_out()).await?;
    screen.done("every step did what it says");
    Ok(())
}

/// What the user needs to look around.
fn show_around(screen: &Screen, server: &Server) {
    let dev = server.dev();
    screen.title("Now you", "the backend is still running");
    screen.fact("URL", &dev.issuer);
    for user in &dev.users {
        screen.fact(&user.username, &format!("password {}  ({})", user.password, user.roles.join(", ")));
    }
    if let Some(ca) = &dev.ca_file {
        screen.fact("CA", &format!("{}  (a browser warns until it trusts this one)", ca.display()));
    }
    let program = moorline_tests::binaries::cli()
        .map_or_else(|_| "moorline".to_owned(), |path| path.display().to_string());
    screen.fact("terminal", &format!("{program} login --dev {}", server.dev_file().display()));
}

/// The notes app needs a server that its emulator's browser trusts: over plain HTTP, on this machine alone.
fn start_the_samples(screen: &Screen) {
    screen.title("The notes app", "in another terminal, in the folder of the repository");
    screen.fact("server", "cargo run -p moorline-server -- dev --http --port 8420");
    screen.fact("Android", "cargo xtask bindings kotlin && cargo xtask android");
    screen.more("adb reverse tcp:8420 tcp:8420");
    screen.more("Android Studio: open the folder android-sample, choose the variant serverDebug, run it");
    screen.fact("iOS", "cargo xtask ios --out bindings/swift/build");
    screen.more("open ios-sample/Notes.xcodeproj");
    screen.more("Xcode: choose the scheme Notes and a simulator, run it");
    screen.more("(the lines with xtask build the library, once: each sample's README says what they need)");
}

/// Ctrl-C, or a polite kill.
struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    async fn asked(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
