//! `cargo xtask android`: the library for Android's four ABIs, by cargo-ndk and an NDK.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::phone_tools::{self, Tool};
use crate::process::Log;
use crate::ui::Ui;
use crate::workspace::Workspace;

/// Build the library for Android: four ABIs, for the AAR.
///
/// It needs an NDK (`ANDROID_NDK_HOME`), cargo-ndk, and Rust's targets; it says which of them is missing. The
/// libraries go where the Gradle build looks for them. `cargo xtask test --only mobile` type-checks the same code
/// without an NDK.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Where the libraries go, a folder for each ABI.
    #[arg(long, value_name = "FOLDER", default_value = "bindings/kotlin/moorline-android/src/main/jniLibs")]
    out: PathBuf,
    /// Show every line that the programs print.
    #[arg(long, short)]
    pub verbose: bool,
}

/// The names of cargo-ndk, and Rust's.
const ABIS: [(&str, &str); 4] = [
    ("arm64-v8a", "aarch64-linux-android"),
    ("armeabi-v7a", "armv7-linux-androideabi"),
    ("x86_64", "x86_64-linux-android"),
    ("x86", "i686-linux-android"),
];
/// `minSdk` of the library.
const API_LEVEL: &str = "26";
const BUILDING: Duration = Duration::from_secs(60 * 60);

/// Checks the tools, and builds.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    let mut log = Log::create(ui, workspace.own_folder().join("android.log"))?;
    let ndk = env::var_os("ANDROID_NDK_HOME").filter(|folder| PathBuf::from(folder).is_dir());
    let mut missing = Vec::new();
    if ndk.is_none() {
        missing.push(
            "an NDK: install one with Android Studio's SDK manager, and name its folder in ANDROID_NDK_HOME"
                .into(),
        );
    }
    missing
        .extend(phone_tools::missing(&[Tool { program: "cargo-ndk", install: "cargo install cargo-ndk" }]));
    missing.extend(phone_tools::missing_targets(workspace, &mut log, ABIS.map(|(_, target)| target))?);
    phone_tools::require("Android", &missing)?;

    let mut build = workspace.cargo();
    build.arg("ndk").args(["--platform", API_LEVEL]).arg("--output-dir").arg(&options.out);
    for (abi, _) in ABIS {
        build.args(["--target", abi]);
    }
    build.args(["build", "--locked", "--profile", "mobile", "--package", "moorline-ffi"]);
    build.args(["--no-default-features", "--features", "ring"]);
    // Devices with pages of 16 KiB load no library that is aligned to less.
    build.env("RUSTFLAGS", "-Clink-arg=-Wl,-z,max-page-size=16384");
    log.must(build, BUILDING)?;
    ui.passed(&format!("the library for {} ABIs, in {}", ABIS.len(), options.out.display()));
    Ok(ExitCode::SUCCESS)
}
