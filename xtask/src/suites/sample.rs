//! The Android sample: an app on the library as it ships, built without Gradle, and driven as a user would.

mod apk;
mod app;
mod arsc;
mod compile;
mod libraries;
mod release;
mod resources;
mod run;

use self::app::{DEBUG, RELEASE, Sample};
use crate::report::Report;
use crate::workspace::Workspace;

/// Builds the app against the archive, and runs its tests.
pub(super) fn tests(workspace: &Workspace, report: &mut Report) {
    report.step("sample resources", "the Android sample's and AndroidX's, linked at API 35", |step| {
        resources::link(&Sample::of(workspace, step)?, step, &DEBUG)
    });
    report.step("sample build", "the Android sample, compiled against the AAR", |step| {
        compile::compile(&Sample::of(workspace, step)?, step)
    });
    report.step("sample tests", "every screen of it, with the real library and a real server", |step| {
        run::run(&Sample::of(workspace, step)?, step)
    });
    report.step("sample UI tests", "those for emulators, compiled: hosted runners run them", |step| {
        compile::device_tests(&Sample::of(workspace, step)?, step)
    });
    report.step("release libraries", "none has a fault, a fake or a part of the testkit", |step| {
        libraries::check(&Sample::of(workspace, step)?, step)
    });
    if !report.step("sample release", "the release build, shrunk by R8 with the libraries' rules", |step| {
        let sample = Sample::of(workspace, step)?;
        resources::link(&sample, step, &RELEASE)?;
        release::shrink(&sample, step)
    }) {
        report.cannot("sample APK", "not run, because there is no release build");
        return;
    }
    report.step("sample APK", "packed and signed, with the library for arm64", |step| {
        apk::build(&Sample::of(workspace, step)?, step)
    });
}
