//! The iOS sample: its models against a real server, its views over stubs of Apple's modules, and its Xcode project.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::tool_chain::{LINTING, STUBS, TESTING, build_arguments, swift_in};
use crate::counts;
use crate::install;
use crate::report::{Report, Step};
use crate::workspace::Workspace;

const FOLDER: &str = "ios-sample";
const BUILT: &str = "swift-sample";
const INSTALLING: Duration = Duration::from_secs(10 * 60);

/// A target of the Xcode project as the compiler sees it: its folders, and its flags. `tests/ios-sample` compares the
/// folders with the project's.
const TARGETS: [(&str, &str); 6] = [
    ("-module-name NotesServer -D DEBUG", "Notes Model Shared Server"),
    ("-module-name NotesServer -O", "Notes Model Shared Server"),
    ("-module-name Notes -D DEBUG -D FAKE", "Notes Model Shared Fake"),
    ("-module-name ShareExtension -D DEBUG", "ShareExtension Shared"),
    ("-module-name NotesUITests", "NotesUITests ../bindings/swift/Tests/Stubs/XCUIAutomation"),
    ("-module-name NotesServerUITests", "NotesServerUITests ../bindings/swift/Tests/Stubs/XCUIAutomation"),
];

/// Checks the app, as far as a machine without Xcode can.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    report.step("ios sample project", "the sample's Xcode project, catalogues and property lists", |step| {
        project(workspace, step)
    });
    if report.step(
        "ios sample tests",
        "the sample's models and views, with the real library and a real server",
        |step| run(workspace, step),
    ) {
        report.step("ios sample targets", "type-checks each target of the sample by itself", |step| {
            targets(workspace, step)
        });
    }
}

/// Reads what only Xcode builds.
fn project(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let node = install::node(workspace, &mut step.log)?;
    let folder = workspace.root().join("tests/ios-sample");
    for arguments in [&["ci", "--no-audit", "--no-fund"][..], &["test"]] {
        let mut npm = node.npm(workspace, &folder)?;
        npm.args(arguments);
        let finished = step.log.run(npm, INSTALLING)?;
        step.counts += counts::of_node_test(&finished.output);
        finished.require()?;
    }
    ensure!(step.counts.ran() > 0, "no test ran");
    Ok(())
}

/// Both flavours and the share extension as one module, whose tests start servers of their own.
fn run(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let library = workspace.root().join("bindings/swift");
    let mut swift = swift_in(workspace, FOLDER, &[workspace.target(), &library]);
    swift.args(["swift", "test"]).args(build_arguments(workspace, BUILT, &workspace.target().join("debug")));
    let programs = format!(
        "MOORLINE_SERVER_BIN={} MOORLINE_BROWSE_BIN={} MOORLINE_TESTKIT_BIN={}",
        workspace.program("moorline-server").display(),
        workspace.program("moorline-browse").display(),
        workspace.program("moorline-testkit").display(),
    );
    swift.env("SWIFT_ENV", format!("{STUBS} {programs}"));
    let finished = step.log.run(swift, TESTING)?;
    step.counts = counts::of_swift_test(&finished.output);
    finished.require()?;
    ensure!(step.counts.ran() > 0, "no test ran");
    Ok(())
}

/// Each target has only its own folders: the app without the fake, the extension without the app.
fn targets(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let library = workspace.root().join("bindings/swift");
    let modules = workspace.target().join(BUILT).join("debug").join("Modules");
    for (flags, folders) in TARGETS {
        let mut check = swift_in(workspace, FOLDER, &[workspace.target(), &library]);
        check.args(["bash", "-o", "pipefail", "-c", &type_check(&modules, flags, folders)]);
        step.log.must(check, LINTING)?;
    }
    Ok(())
}

fn type_check(modules: &Path, flags: &str, folders: &str) -> String {
    let headers = "../bindings/swift/Generated/MoorlineFFI";
    format!(
        "find {folders} Linux -name '*.swift' -print0 | xargs -0 swiftc -typecheck -parse-as-library \
         -swift-version 6 -warnings-as-errors -I {} -I {headers} {flags}",
        modules.display(),
    )
}
