//! The Android sample: an app on the library as it ships, built without Gradle, and driven as a user would.

mod app;
mod arsc;
mod compile;
mod resources;
mod run;

use self::app::Sample;
use crate::report::Report;
use crate::workspace::Workspace;

/// Builds the app against the archive, and runs its tests.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    report.step("sample resources", "the Android sample's and AndroidX's, linked at API 35", |step| {
        resources::link(&Sample::of(workspace, step)?, step)
    });
    report.step("sample build", "the Android sample, compiled against the AAR", |step| {
        compile::compile(&Sample::of(workspace, step)?, step)
    });
    report.step("sample tests", "every screen of it, with the real library and a real server", |step| {
        run::run(&Sample::of(workspace, step)?, step)
    });
}
