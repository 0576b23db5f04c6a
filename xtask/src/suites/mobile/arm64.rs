//! The library for Android's arm64 is called: under qemu, over musl, by `bindings/tests/arm64/host.c`.
//!
//! musl is not Android's libc. What this shows is that the code for arm64 runs: checksums of the generated code,
//! buffers, errors, threads, files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::android;
use super::build::{QUICK, folder};
use crate::bindings::generate_kotlin;
use crate::install;
use crate::report::Step;
use crate::scratch::Scratch;
use crate::workspace::Workspace;

const SOURCES: &str = "bindings/tests/arm64";

/// How many things the program shows, each a line `ok: …`.
const SHOWN: u64 = 8;

/// Compiles the program that calls, and runs it.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let musl = install::musl(workspace, &mut step.log)?;
    let build = folder(workspace).join("arm64");
    std::fs::create_dir_all(&build)?;
    let program = compile(workspace, step, &musl, &build)?;
    // The system's library for logs is no part of musl: the program itself has its function.
    let mut log = workspace.command("cp");
    log.arg(folder(workspace).join("stubs").join("liblog.so")).arg(&build);
    step.log.must(log, QUICK)?;

    let kotlin = build.join("kotlin");
    generate_kotlin(workspace, &mut step.log, &kotlin)?;
    let checksums = build.join("checksums");
    let code = std::fs::read_to_string(kotlin.join("dev/moorline/ffi/moorline_ffi.kt"))?;
    std::fs::write(&checksums, expected(&code))?;

    let vault = Scratch::new("arm64")?;
    let mut run = workspace.command("qemu-aarch64-static");
    run.arg("-L").arg(&musl).arg("-E").arg(format!("LD_LIBRARY_PATH={}", build.display()));
    run.arg(&program).arg(android::stripped(workspace)).arg(&checksums).arg(vault.path());
    let finished = step.log.run(run, QUICK)?;
    step.counts.passed = finished.output.lines().filter(|line| line.starts_with("ok: ")).count() as u64;
    finished.require()?;
    ensure!(finished.output.ends_with("done\n"), "the program did not come to its end");
    ensure!(step.counts.passed == SHOWN, "it showed {} things, not {SHOWN}", step.counts.passed);
    Ok(())
}

fn compile(workspace: &Workspace, step: &mut Step, musl: &Path, build: &Path) -> Result<PathBuf> {
    let (headers, libraries) =
        (musl.join("usr/include/aarch64-linux-musl"), musl.join("usr/lib/aarch64-linux-musl"));
    let program = build.join("host");
    let mut link = workspace.command(android::lld(workspace, step)?);
    link.args(["-pie", "--export-dynamic", "-dynamic-linker", "/lib/ld-musl-aarch64.so.1"]);
    link.arg("-o").arg(&program).args(["Scrt1.o", "crti.o"].map(|name| libraries.join(name)));
    for source in ["host", "relocations"] {
        let object = build.join(source).with_extension("o");
        let mut compile = workspace.command("clang-19");
        compile.args(["--target=aarch64-linux-musl", "-nostdlibinc", "-D_GNU_SOURCE", "-fPIC"]);
        compile.args(["-Wall", "-Wextra", "-Werror", "-c"]).arg("-isystem").arg(&headers);
        compile.arg(format!("{SOURCES}/{source}.c")).arg("-o").arg(&object);
        step.log.must(compile, QUICK)?;
        link.arg(object);
    }
    link.arg(musl.join("lib/aarch64-linux-musl/libc.so")).arg(libraries.join("crtn.o"));
    step.log.must(link, QUICK)?;
    Ok(program)
}

/// What the generated Kotlin expects of the library: a name and a value a line.
fn expected(code: &str) -> String {
    let mut lines = String::new();
    for line in code.lines().map(str::trim) {
        if let Some(version) = line.strip_prefix("val bindings_contract_version = ") {
            let _ = writeln!(lines, "ffi_moorline_ffi_uniffi_contract_version {version}");
        }
        let Some(rest) = line.strip_prefix("if ((lib.") else { continue };
        if let Some((name, value)) = rest.split_once("() and 0xFFFF) != ") {
            let _ = writeln!(lines, "{name} {}", value.trim_end_matches(") {"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_read_from_the_generated_code() {
        let code = "    val bindings_contract_version = 30\n\
                    if ((lib.uniffi_moorline_ffi_checksum_func_set_logger() and 0xFFFF) != 54408) {\n    throw X()";
        let expected_lines = "ffi_moorline_ffi_uniffi_contract_version 30\n\
                              uniffi_moorline_ffi_checksum_func_set_logger 54408\n";
        assert_eq!(expected(code), expected_lines);
    }
}
