//! The library for Android's arm64, linked without an NDK: the system's libraries are stubs with the reviewed names.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::build::{LINKING, PROFILE, QUICK, cargo, folder};
use super::symbols::{self, Reviewed};
use crate::android::rustflags;
use crate::install::{self, need};
use crate::report::Step;
use crate::workspace::Workspace;

/// Every phone since 2019 has it.
pub(super) const TARGET: &str = "aarch64-linux-android";

/// The library's own name, which Kotlin loads.
pub(super) const NAME: &str = "libmoorline_ffi.so";

/// Links the library, and strips a copy of it as it ships.
pub(super) fn link(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let reviewed = Reviewed::read(workspace, TARGET)?;
    let linker = linker(workspace, step, &reviewed)?;
    let mut build = cargo(workspace, "rustc", TARGET);
    build.args(["--profile", PROFILE, "--lib", "--crate-type", "cdylib"]);
    build.env("CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER", linker);
    let strict = ["--no-undefined", "--error-limit=0"].map(|argument| format!(" -Clink-arg={argument}"));
    let flags = rustflags(workspace) + &strict.concat();
    build.env("CARGO_TARGET_AARCH64_LINUX_ANDROID_RUSTFLAGS", flags);
    let built = step.log.run(build, LINKING)?;
    let undefined = symbols::undefined(&built.output);
    if !undefined.is_empty() {
        reviewed.require(&undefined).context("it does not link")?;
    }
    built.require()?;

    let stripped = stripped(workspace);
    std::fs::create_dir_all(stripped.parent().context("a file is in a folder")?)?;
    let mut strip = workspace.command("llvm-strip-19");
    strip.args(["--strip-unneeded", "-o"]).arg(&stripped).arg(with_symbols(workspace));
    step.log.must(strip, QUICK)?;

    let mut needed = workspace.command("llvm-nm-19");
    needed.args(["--dynamic", "--undefined-only"]).arg(&stripped);
    reviewed.require(&symbols::names(&step.log.must(needed, QUICK)?))
}

/// The library with all of its symbols.
pub(super) fn with_symbols(workspace: &Workspace) -> PathBuf {
    folder(workspace).join(TARGET).join(PROFILE).join(NAME)
}

/// The library as it ships, in a folder with the name of its ABI.
pub(super) fn stripped(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("jni").join("arm64-v8a").join(NAME)
}

/// Makes the stubs, and the program that rustc takes for the linker.
fn linker(workspace: &Workspace, step: &mut Step, reviewed: &Reviewed) -> Result<PathBuf> {
    let lld = lld(workspace, step)?;
    let stubs = folder(workspace).join("stubs");
    std::fs::create_dir_all(&stubs)?;
    for (library, names) in reviewed.libraries() {
        let source = stubs.join(library).with_extension("s");
        std::fs::write(&source, assembly(names))?;
        let object = source.with_extension("o");
        let mut assemble = workspace.command("clang-19");
        assemble.args(["--target=aarch64-linux-android26", "-c"]).arg(&source).arg("-o").arg(&object);
        step.log.must(assemble, QUICK)?;
        let mut made = if library.ends_with(".a") {
            let mut archive = workspace.command("llvm-ar-19");
            archive.arg("rcs").arg(stubs.join(library));
            archive
        } else {
            let mut shared = workspace.command(&lld);
            shared.args(["-shared", "-soname", library, "-o"]).arg(stubs.join(library));
            shared
        };
        made.arg(&object);
        step.log.must(made, QUICK)?;
    }
    // rustc takes a linker whose name ends in `ld` for one that is called directly, not through a C compiler.
    let script = stubs.join("moorline-ld");
    std::fs::write(&script, wrapper(&lld, &stubs))?;
    let mut executable = workspace.command("chmod");
    executable.arg("+x").arg(&script);
    step.log.must(executable, QUICK)?;
    Ok(script)
}

/// A function for each name, which does nothing: the library is linked over it, never run over it.
fn assembly<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from(".text\n");
    for name in names.filter_map(|line| line.split_whitespace().next()) {
        let _ = writeln!(text, ".globl {name}\n.type {name}, %function\n{name}: ret");
    }
    text
}

/// Crates' build scripts write linker arguments for a C compiler: `-Wl,a,b`.
fn wrapper(lld: &Path, stubs: &Path) -> String {
    format!(
        r#"#!/usr/bin/env bash
# Rust's linker for Android, without an NDK: written by `cargo xtask test --only mobile`.
arguments=()
for argument in "$@"; do
  case $argument in
    -Wl,*) IFS=, read -ra several <<<"${{argument#-Wl,}}"; arguments+=("${{several[@]}}") ;;
    *) arguments+=("$argument") ;;
  esac
done
exec '{}' "${{arguments[@]}}" '-L{}'
"#,
        lld.display(),
        stubs.display(),
    )
}

/// rustup's own linker, or Debian's where the tool chain has none.
pub(super) fn lld(workspace: &Workspace, step: &mut Step) -> Result<PathBuf> {
    let mut rustc = workspace.command("rustc");
    rustc.args(["--print", "target-libdir"]);
    let libraries = PathBuf::from(step.log.must(rustc, QUICK)?.trim());
    let own = libraries.with_file_name("bin").join("gcc-ld").join("ld.lld");
    if own.is_file() {
        return Ok(own);
    }
    install::packages(workspace, &mut step.log, &[need("ld.lld-19", "lld-19")])?;
    match install::find("ld.lld-19") {
        Some(debian) => Ok(debian),
        None => bail!("no linker: neither {} nor ld.lld-19 is there", own.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_has_each_name_as_a_function() {
        let text = assembly(["abort", "read weak"].into_iter());
        assert!(text.contains(".globl abort\n.type abort, %function\nabort: ret\n.globl read"), "{text}");
    }
}
