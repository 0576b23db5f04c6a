//! `library-size FILE`: what a native library is made of, crate by crate. `cargo xtask test --only mobile` prints it.

use std::path::PathBuf;

use clap::Parser;
use moorline_tests::Library;

/// Prints a library's size by crate.
#[derive(Debug, Parser)]
struct Arguments {
    /// The library, with its symbols.
    file: PathBuf,
    /// Which build it is, for the title.
    #[arg(long, default_value = "unnamed build")]
    build: String,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    Library::read(&arguments.file)?.print_all(&arguments.build);
    Ok(())
}
