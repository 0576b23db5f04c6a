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

/// What the linker gets beside what Rust gives it.
const LINK_ARGUMENTS: [&str; 5] = [
    // Devices with pages of 16 KiB load no library that is aligned to less.
    "-Wl,-z,max-page-size=16384",
    "-Wl,-soname=libmoorline_ffi.so",
    // Functions that turned out the same are there once.
    "-Wl,--icf=all",
    // Android's own form of relocations is a tenth as large as ELF's, and is read since API 23.
    "-Wl,--pack-dyn-relocs=android",
    "-Wl,--hash-style=gnu",
];
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
    build.args(["--no-default-features", "--features", "phone"]);
    build.env("RUSTFLAGS", rustflags(workspace));
    log.must(build, BUILDING)?;
    ui.passed(&format!("the library for {} ABIs, in {}", ABIS.len(), options.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// How the library for Android is compiled and linked. `cargo xtask test --only mobile` uses the same.
pub(crate) fn rustflags(workspace: &Workspace) -> String {
    let mut flags = LINK_ARGUMENTS.map(|argument| format!("-Clink-arg={argument}")).to_vec();
    // A function that the compiler moves out of others to save space costs more in tables for unwinding than it saves.
    flags.push("-Cllvm-args=-enable-machine-outliner=never".into());
    flags.extend(phone_tools::short_paths(workspace));
    flags.join(" ")
}
