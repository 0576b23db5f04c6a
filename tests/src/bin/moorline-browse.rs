//! `moorline-browse --dev FILE --user NAME URL`: signs in at a development server through its real pages and prints
//! the callback URL. For tests that are written in other languages.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use moorline_tests::{Browser, Consent, DevFile};

/// Signs in at a development server as a user with a browser would, and prints the callback URL.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server's moorline-dev.json.
    #[arg(long)]
    dev: PathBuf,
    /// Who signs in.
    #[arg(long, default_value = "ada")]
    user: String,
    /// What to answer on the consent page.
    #[arg(long, value_enum, default_value = "allow")]
    consent: Answer,
    /// Also open the callback, as a browser would with a loopback address.
    #[arg(long)]
    open: bool,
    /// The authorization URL that the app wants opened.
    url: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Answer {
    Allow,
    Deny,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let dev = DevFile::read(&arguments.dev)?;
    let browser = Browser::new(dev.ca_pem.as_deref())?;
    let consent = match arguments.consent {
        Answer::Allow => Consent::Allow,
        Answer::Deny => Consent::Deny,
    };
    let callback = browser.walk(&arguments.url, dev.user(&arguments.user)?, consent).await?.callback()?;
    println!("{callback}");
    if arguments.open {
        browser.open(callback.as_str()).await?;
    }
    Ok(())
}
