//! The program. All of it is in the library, so that the fuzz targets reach its readers.

use std::process::ExitCode;

fn main() -> ExitCode {
    moorline_cli::main()
}
