//! What ships in an app: what it exports, how it is aligned, and how large it is.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::build::QUICK;
use super::{android, symbols};
use crate::report::Step;
use crate::workspace::Workspace;

/// The most that the library may add to an installed app, and to its download: a little above what it is. Lower it
/// whenever the library gets smaller.
const MOST_BYTES: u64 = 4_120_000;
const MOST_COMPRESSED: u64 = 2_160_000;
/// The goal, which is not reached: see `docs/adr/0014-size.md`.
const BUDGET_BYTES: u64 = 3_000_000;
const BUDGET_COMPRESSED: u64 = 1_400_000;

/// Devices with pages of 16 KiB load no library that is aligned to less.
pub(in crate::suites) const PAGE: u64 = 16 * 1024;

/// What the generated code calls by name, and what UniFFI's generator reads. JNA needs nothing more.
const EXPORTS: [&str; 3] = ["uniffi_moorline_ffi_", "ffi_moorline_ffi_", "UNIFFI_META_"];

/// The libraries that Android promises to every app, of those that we use.
const SYSTEM: [&str; 4] = ["libc.so", "libm.so", "libdl.so", "liblog.so"];

/// Checks the stripped library, and prints what it is made of.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let library = android::stripped(workspace);
    exports(workspace, step, &library)?;
    layout(workspace, step, &library)?;
    let mut sizes = workspace.command(workspace.program("library-size"));
    sizes.arg(android::with_symbols(workspace)).args(["--build", "Android, arm64, mobile"]);
    for line in step.log.must(sizes, QUICK)?.lines() {
        step.note(line);
    }
    size(workspace, step, &library)
}

pub(in crate::suites) fn exports(workspace: &Workspace, step: &mut Step, library: &Path) -> Result<()> {
    let mut nm = workspace.command("llvm-nm-19");
    nm.args(["--dynamic", "--defined-only"]).arg(library);
    let exported = symbols::names(&step.log.must(nm, QUICK)?);
    let foreign: Vec<_> =
        exported.iter().filter(|name| !EXPORTS.iter().any(|start| name.starts_with(start))).collect();
    ensure!(foreign.is_empty(), "it exports what is not UniFFI's: {foreign:?}");
    ensure!(exported.len() > 100, "it exports only {} functions", exported.len());
    step.note(&format!("{} exported symbols, all of them UniFFI's", exported.len()));
    Ok(())
}

fn layout(workspace: &Workspace, step: &mut Step, library: &Path) -> Result<()> {
    let mut headers = workspace.command("llvm-readelf-19");
    headers.args(["--wide", "--program-headers", "--dynamic"]).arg(library);
    let printed = step.log.must(headers, QUICK)?;
    let alignments = paged(&printed)?;
    ensure!(bracketed(&printed, "(SONAME)") == [android::NAME], "its name is not {}", android::NAME);
    let needed = bracketed(&printed, "(NEEDED)");
    let unknown: Vec<_> = needed.iter().filter(|name| !SYSTEM.contains(name)).collect();
    ensure!(unknown.is_empty(), "it needs libraries that Android does not promise: {unknown:?}");
    ensure!(!printed.contains("(TEXTREL)"), "it has relocations in its code, which Android refuses");
    step.note(&format!("{} LOAD segments, each at 16 KiB; it needs {}", alignments.len(), needed.join(", ")));
    Ok(())
}

/// Checks that a library of an app loads on devices with large pages.
pub(in crate::suites) fn loads(workspace: &Workspace, step: &mut Step, library: &Path) -> Result<()> {
    let mut headers = workspace.command("llvm-readelf-19");
    headers.args(["--wide", "--program-headers"]).arg(library);
    paged(&step.log.must(headers, QUICK)?)?;
    Ok(())
}

/// The alignments of the LOAD segments, which have to suit pages of 16 KiB.
fn paged(printed: &str) -> Result<Vec<u64>> {
    let alignments = alignments(printed)?;
    ensure!(!alignments.is_empty(), "it has no LOAD segment");
    ensure!(
        alignments.iter().all(|alignment| *alignment >= PAGE),
        "a LOAD segment is aligned to less than 16 KiB: {alignments:?}"
    );
    Ok(alignments)
}

/// The last column of each line of a LOAD segment.
fn alignments(printed: &str) -> Result<Vec<u64>> {
    let lines = printed.lines().filter(|line| line.trim_start().starts_with("LOAD "));
    lines
        .map(|line| {
            let column = line.split_whitespace().next_back().unwrap_or_default();
            u64::from_str_radix(column.trim_start_matches("0x"), 16).with_context(|| format!("odd: {line}"))
        })
        .collect()
}

/// `0x000000000000000e (SONAME) Library soname: [libmoorline_ffi.so]`
fn bracketed<'a>(printed: &'a str, tag: &str) -> Vec<&'a str> {
    let lines = printed.lines().filter(|line| line.contains(tag));
    lines.filter_map(|line| line.split('[').nth(1)?.split(']').next()).collect()
}

/// Prints the size, and fails above the limits.
fn size(workspace: &Workspace, step: &mut Step, library: &Path) -> Result<()> {
    let bytes = std::fs::metadata(library)?.len();
    // As in an APK: deflate. The header of gzip has 18 bytes more.
    let mut gzip = workspace.command("sh");
    gzip.args(["-c", r#"gzip --best --no-name --stdout "$0" | wc -c"#]).arg(library);
    let compressed = step.log.must(gzip, QUICK)?.trim().parse().context("wc prints a number")?;
    for (what, size, budget, most) in [
        ("stripped", bytes, BUDGET_BYTES, MOST_BYTES),
        ("compressed", compressed, BUDGET_COMPRESSED, MOST_COMPRESSED),
    ] {
        match verdict(what, size, budget, most)? {
            Verdict::Kept(text) => step.note(&text),
            Verdict::Above(text) => step.log.ui().failed(&text),
        }
    }
    Ok(())
}

/// How a size compares with its budget. Above the limit is an error.
#[derive(Debug)]
enum Verdict {
    Kept(String),
    Above(String),
}

fn verdict(what: &str, size: u64, budget: u64, most: u64) -> Result<Verdict> {
    let megabytes = |bytes: u64| format!("{:.2} MB", bytes as f64 / 1e6);
    let (printed, budget_printed) = (megabytes(size), megabytes(budget));
    ensure!(size <= most, "the library is {printed} {what}, and may be {} at most", megabytes(most));
    Ok(if size <= budget {
        Verdict::Kept(format!("{what}: {printed} of {budget_printed}"))
    } else {
        Verdict::Above(format!("{what}: {printed}, above the budget of {budget_printed}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
  Type           Offset   VirtAddr           PhysAddr           FileSiz  MemSiz   Flg Align
  LOAD           0x000000 0x0000000000000000 0x0000000000000000 0x0a4f3c 0x0a4f3c R   0x4000
  LOAD           0x0a4f40 0x00000000000a8f40 0x00000000000a8f40 0x1c7e40 0x1c7e40 R E 0x1000
  0x0000000000000001 (NEEDED)       Shared library: [libc.so]
  0x000000000000000e (SONAME)       Library soname: [libmoorline_ffi.so]
";

    #[test]
    fn what_readelf_prints_is_read() {
        assert_eq!(alignments(PRINTED).unwrap(), [0x4000, 0x1000]);
        assert!(paged(PRINTED).unwrap_err().to_string().contains("less than 16 KiB"));
        assert!(paged("").unwrap_err().to_string().contains("no LOAD segment"));
        assert_eq!(bracketed(PRINTED, "(NEEDED)"), ["libc.so"]);
        assert_eq!(bracketed(PRINTED, "(SONAME)"), ["libmoorline_ffi.so"]);
    }

    #[test]
    fn a_library_above_the_limit_fails_and_one_above_the_budget_says_so() {
        let error = verdict("stripped", MOST_BYTES + 1, BUDGET_BYTES, MOST_BYTES).unwrap_err().to_string();
        let limit = format!("may be {:.2} MB at most", MOST_BYTES as f64 / 1e6);
        assert!(error.contains(&limit), "{error}");
        let above = verdict("stripped", BUDGET_BYTES + 1, BUDGET_BYTES, MOST_BYTES).unwrap();
        assert!(matches!(above, Verdict::Above(text) if text.contains("above the budget of 3.00 MB")));
        let kept = verdict("stripped", BUDGET_BYTES, BUDGET_BYTES, MOST_BYTES).unwrap();
        assert!(matches!(kept, Verdict::Kept(_)));
    }
}
