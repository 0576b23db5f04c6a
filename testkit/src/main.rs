//! `moorline-testkit`: the provider for tests in other languages than Rust.

use std::{io::Write as _, net::SocketAddr};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use moorline_testkit::{control::Control, rows};
use tokio::io::AsyncReadExt as _;

/// An OpenID provider for tests: it signs in everybody who asks, and fails as a test wants it to. Loopback only.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the control endpoint, and print its address as one line: `http://127.0.0.1:40123`.
    ///
    /// A command is a POST of a JSON object with the member `do`. README.md lists them.
    Serve {
        /// The address of the control endpoint. It has to be on loopback; the port 0 is a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// End when standard input does: with the process that has started this one.
        #[arg(long)]
        with_parent: bool,
    },
    /// Print the rows of the behaviour table (`tests/behaviour`) as one JSON array.
    Rows,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Rows => {
            let rows = serde_json::to_string(&rows::all()?)?;
            writeln!(std::io::stdout(), "{rows}").context("printing the rows")
        }
        Command::Serve { listen, with_parent } => {
            let control = Control::open(listen).await?;
            writeln!(std::io::stdout(), "http://{}", control.address()?).context("printing the address")?;
            tokio::select! {
                () = control.serve() => Ok(()),
                () = parent_ends(), if with_parent => Ok(()),
            }
        }
    }
}

/// Returns when standard input ends.
async fn parent_ends() {
    let (mut input, mut buffer) = (tokio::io::stdin(), [0; 64]);
    while input.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}
