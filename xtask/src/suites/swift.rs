//! The Swift part: generated code, the library and its tests, on Linux, against a real server.

mod sample;
mod tool_chain;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::bindings::generate_swift;
use crate::counts;
use crate::dev_server::DevServer;
use crate::install;
use crate::process::Log;
use crate::report::{Report, Step};
use crate::workspace::Workspace;
use tool_chain::{LINTING, STUBS, TESTING, build_arguments, swift_in};

/// Sets up the tool chain, compiles the Swift library and runs its tests.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    if report.step("swift set up", "Debian's Swift tool chain, once, in a folder of its own", |step| {
        install::swift(workspace, &mut step.log)
    }) {
        report.step("swift format", "the code is formatted as by swift-format", |step| lint(workspace, step));
        report.step("swift parse", "what is for Apple's platforms alone is Swift there, too", |step| {
            parse(workspace, step)
        });
        if report.step("swift tests", "the Swift library on Linux, against a real server", |step| {
            run(workspace, step)
        }) {
            report.step("swift package", "the package describes itself, and a release of it", |step| {
                package(workspace, step)
            });
            report.step(
                "swift apple",
                "type-checks and tests the Apple parts over stubs of Apple's modules",
                |step| apple(workspace, step),
            );
            sample::tests(workspace, report);
            report.step("swift docs", "DocC, where a warning is an error", |step| docs(workspace, step));
        }
    } else {
        report.cannot("swift tests", "not run, because there is no Swift");
    }
}

/// The tool chain's `swift format`, which checks the form of what people wrote.
fn lint(workspace: &Workspace, step: &mut Step) -> Result<()> {
    for (folder, paths) in
        [("bindings/swift", &["Package.swift", "Sources", "Tests"][..]), ("ios-sample", &["."])]
    {
        let mut lint = swift_in(workspace, folder, &[]);
        lint.args(["swift", "format", "lint", "--strict", "--recursive"]).args(paths);
        step.log.must(lint, LINTING)?;
    }
    Ok(())
}

/// Parses all sources as the compiler does for iOS and macOS, whose modules are not here.
fn parse(workspace: &Workspace, step: &mut Step) -> Result<()> {
    for target in ["arm64-apple-ios17.0", "arm64-apple-macos14.0"] {
        for (folder, paths) in [("bindings/swift", "Sources"), ("ios-sample", ".")] {
            let mut parse = swift_in(workspace, folder, &[]);
            let script = r#"find $1 -name '*.swift' -print0 | xargs -0 swiftc -frontend -parse -target "$0""#;
            parse.args(["bash", "-o", "pipefail", "-c", script, target, paths]);
            step.log.must(parse, LINTING)?;
        }
    }
    Ok(())
}

/// The manifest as SwiftPM reads it, in a checkout and in a release.
fn package(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let url = "https://example.com/MoorlineFFI.xcframework.zip";
    let release = format!("MOORLINE_XCFRAMEWORK_URL={url} MOORLINE_XCFRAMEWORK_CHECKSUM={}", "0".repeat(64));
    for (variables, native) in [("", "system"), (release.as_str(), "binary")] {
        let mut dump = swift(workspace, &[]);
        dump.args(["swift", "package", "dump-package"]).env("SWIFT_ENV", variables);
        let dumped = step.log.must(dump, LINTING)?;
        // Warnings of the tool come before the JSON.
        let json = &dumped[dumped.find('{').context("`swift package dump-package` prints no JSON")?..];
        let manifest: serde_json::Value = serde_json::from_str(json)?;
        let names = |list: &str| -> Vec<String> {
            let entries = manifest[list].as_array().into_iter().flatten();
            entries.filter_map(|entry| entry["name"].as_str().map(str::to_owned)).collect()
        };
        ensure!(
            names("products") == ["Moorline", "MoorlineUI", "MoorlineTesting"],
            "the package's products are {:?}",
            names("products")
        );
        let kind = manifest["targets"][0]["type"].as_str();
        ensure!(kind == Some(native), "the native library is a target of the kind {kind:?}, not {native}");
    }
    let mut unchecked = swift(workspace, &[]);
    unchecked
        .args(["swift", "package", "dump-package"])
        .env("SWIFT_ENV", format!("MOORLINE_XCFRAMEWORK_URL={url}"));
    let finished = step.log.run(unchecked, LINTING)?;
    ensure!(finished.require().is_err(), "a release without a checksum was accepted");
    Ok(())
}

/// Compiles what is for Apple's platforms, in Swift 6 mode, against the stubs under `Tests/Stubs`, and runs its tests:
/// the README's first sign-in among them, against a server of its own.
fn apple(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let server = DevServer::start(workspace)?;
    let mut swift = swift(workspace, &[workspace.target(), &server.folder()]);
    swift.args(["swift", "test"]).args(build_arguments(
        workspace,
        "swift-apple",
        &workspace.target().join("debug"),
    ));
    swift.env("SWIFT_ENV", format!("{STUBS} {}", programs(workspace, &server)));
    let finished = step.log.run(swift, TESTING)?;
    step.counts = counts::of_swift_test(&finished.output);
    finished.require()?;
    ensure!(step.counts.ran() > 0, "no test ran");
    Ok(())
}

/// Symbol graphs of the Apple build, and DocC over them and the catalogues.
fn docs(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let graphs = workspace.target().join("swift-apple").join("symbol-graphs");
    for module in ["Moorline", "MoorlineUI", "MoorlineTesting"] {
        let graph = graphs.join(module);
        if graph.exists() {
            std::fs::remove_dir_all(&graph)?;
        }
        std::fs::create_dir_all(&graph)?;
        let mut extract = swift(workspace, &[workspace.target()]);
        extract.args([
            "swift-symbolgraph-extract",
            "-module-name",
            module,
            "-minimum-access-level",
            "public",
        ]);
        extract.args(["-skip-synthesized-members", "-target", &triple(workspace)?]);
        extract.arg("-I").arg(modules(workspace)).arg("-I").arg("Generated/MoorlineFFI");
        extract.arg("-output-dir").arg(&graph);
        step.log.must(extract, LINTING)?;

        let mut convert = swift(workspace, &[workspace.target()]);
        convert
            .args(["docc", "convert", "--warnings-as-errors"])
            .arg(format!("Sources/{module}/{module}.docc"));
        convert.args(["--fallback-display-name", module, "--fallback-bundle-identifier", "dev.moorline"]);
        convert.arg("--additional-symbol-graph-dir").arg(&graph);
        convert.arg("--output-path").arg(graphs.join(format!("{module}.doccarchive")));
        step.log.must(convert, LINTING)?;
    }
    Ok(())
}

/// Where SwiftPM puts the compiled modules of the Apple build.
fn modules(workspace: &Workspace) -> PathBuf {
    workspace.target().join("swift-apple").join("debug").join("Modules")
}

/// The tool chain's own name of this machine, which SwiftPM's folder has.
fn triple(workspace: &Workspace) -> Result<String> {
    let folder = std::fs::read_link(workspace.target().join("swift-apple").join("debug"))?;
    let triple = folder.iter().next().context("SwiftPM's folder has no triple")?;
    Ok(triple.to_string_lossy().into_owned())
}

/// Where the tests find the server and the programs that they need.
fn programs(workspace: &Workspace, server: &DevServer) -> String {
    format!(
        "MOORLINE_DEV_JSON={} MOORLINE_BROWSE_BIN={} MOORLINE_TESTKIT_BIN={}",
        server.description().display(),
        workspace.program("moorline-browse").display(),
        workspace.program("moorline-testkit").display(),
    )
}

/// A command in the folder of the library for Swift.
fn swift(workspace: &Workspace, folders: &[&Path]) -> Command {
    swift_in(workspace, "bindings/swift", folders)
}

fn run(workspace: &Workspace, step: &mut Step) -> Result<()> {
    generate_swift(workspace, &mut step.log)?;
    let server = DevServer::start(workspace)?;
    step.note(&format!("a server of its own: {}", server.issuer()));

    let mut swift = swift(workspace, &[workspace.target(), &server.folder()]);
    swift.args(["swift", "test"]).args(build_arguments(
        workspace,
        "swift",
        &workspace.target().join("debug"),
    ));
    swift.env("SWIFT_ENV", programs(workspace, &server));
    let finished = step.log.run(swift, TESTING)?;
    step.counts = counts::of_swift_test(&finished.output);
    finished.require()?;
    ensure!(step.counts.ran() > 0, "no test ran");
    Ok(())
}

/// The package's benchmark, compiled for release over the native library in the folder `native`. It writes its figures
/// to `file`, which is in the target folder.
pub(crate) fn benchmark(workspace: &Workspace, log: &mut Log, native: &Path, file: &Path) -> Result<Command> {
    install::swift(workspace, log)?;
    generate_swift(workspace, log)?;
    let mut swift = swift(workspace, &[workspace.target()]);
    swift.args(["swift", "test", "--configuration", "release", "--filter", "Benchmark"]);
    swift.args(["-Xswiftc", "-DMOORLINE_BENCH", "-Xswiftc", "-enable-testing"]);
    swift.args(build_arguments(workspace, "swift-bench", native));
    swift.env("SWIFT_ENV", format!("MOORLINE_BENCH_FILE={}", file.display()));
    Ok(swift)
}
