//! `cargo xtask fuzz`: sets up cargo-fuzz and a nightly tool chain, and runs the targets of `fuzz/` one after the
//! other.

mod statistics;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use self::statistics::Statistics;
use crate::install;
use crate::process::Log;
use crate::ui::{Ui, duration};
use crate::workspace::Workspace;

/// Fuzz everything that SDK and server read: each target for a minute.
///
/// Sets up cargo-fuzz and a nightly tool chain where they are missing, and builds the targets with the address
/// sanitizer (some minutes the first time). What a run finds stays in `target/xtask/fuzz` and is where the next one
/// begins; the corpus in `fuzz/corpus` is read, and changed by --keep alone. When a target crashes, the others go on;
/// the input and the command to run it again are printed, and the exit code is not zero. fuzz/README.md says what each
/// target proves.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// The targets to run [default: all].
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each target runs, in seconds.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Say which targets there are, and run none.
    #[arg(long)]
    list: bool,
    /// Add what was found and reaches new code to the committed corpus, at most 40 files a target.
    #[arg(long)]
    keep: bool,
}

const BUILDING: Duration = Duration::from_secs(60 * 60);
/// What a run may take beyond its time: reading the corpus, the last input, a report of the sanitizer.
const MARGIN: Duration = Duration::from_secs(3 * 60);
const LINES_OF_A_CRASH: usize = 300;
const LINES_TOLD: usize = 12;
/// The committed corpus is replayed in every run of the tests, so it stays small.
const MOST_FILES: usize = 40;
const MOST_BYTES: u64 = 100_000;

/// Runs the targets; the exit code is zero when none of them crashed.
pub(crate) fn run(workspace: &Workspace, ui: Ui, options: &Options) -> Result<ExitCode> {
    let fuzz = workspace.root().join("fuzz");
    let all = targets(&fuzz)?;
    if options.list {
        all.iter().for_each(|name| println!("{name}"));
        return Ok(ExitCode::SUCCESS);
    }
    for name in &options.targets {
        ensure!(all.contains(name), "there is no target {name}; there are {}", all.join(", "));
    }
    let wanted = if options.targets.is_empty() { &all } else { &options.targets };
    let logs = workspace.own_folder().join("logs");
    let mut log = Log::create(ui, logs.join("fuzz-build.log"))?;
    ui.heading("set up", "cargo-fuzz and a nightly tool chain");
    let fuzzer = Fuzzer::set_up(workspace, &mut log)?;
    ui.heading("build", "the targets with the address sanitizer (some minutes the first time)");
    fuzzer.build(workspace, &mut log, if let [one] = wanted.as_slice() { Some(one) } else { None })?;

    let mut rows = Vec::new();
    for name in wanted {
        ui.heading(name, &format!("for {}", duration(Duration::from_secs(options.seconds.into()))));
        let mut log = Log::create(ui, logs.join(format!("fuzz-{name}.log")))?;
        let statistics = fuzzer.fuzz(workspace, &mut log, name, options.seconds)?;
        match &statistics.crash {
            None => ui.passed(&statistics.to_string()),
            Some(_) => tell_crash(ui, &log, &fuzzer, name, &statistics),
        }
        if options.keep && statistics.crash.is_none() {
            let kept = fuzzer.keep(workspace, &mut log, name)?;
            ui.note(&format!("{kept} inputs were added to fuzz/corpus/{name}"));
        }
        rows.push((name, statistics));
    }
    Ok(finish(ui, &rows))
}

/// The targets, by their files.
fn targets(fuzz: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in files(&fuzz.join("fuzz_targets"))? {
        names.extend(file.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+:=@%,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// cargo-fuzz, and what it works with.
struct Fuzzer {
    program: PathBuf,
    tool_chain: String,
    found: PathBuf,
}

impl Fuzzer {
    fn set_up(workspace: &Workspace, log: &mut Log) -> Result<Self> {
        install::packages(workspace, log, install::FUZZ)?;
        Ok(Self {
            tool_chain: install::nightly(workspace, log)?,
            program: install::cargo_fuzz(workspace, log)?,
            found: workspace.own_folder().join("fuzz"),
        })
    }

    /// `cargo fuzz`, under the nightly tool chain, in a target folder of its own: that of plain `cargo fuzz`.
    fn command(&self, workspace: &Workspace, subcommand: &str) -> Command {
        let mut command = workspace.command(&self.program);
        // The outer cargo says where it is, and cargo-fuzz would call it: it is not nightly's.
        for inherited in ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            command.env_remove(inherited);
        }
        command
            .env("RUSTUP_TOOLCHAIN", &self.tool_chain)
            .env("CARGO_TARGET_DIR", workspace.root().join("fuzz/target"));
        command.env("CARGO_INCREMENTAL", "0").arg(subcommand);
        command
    }

    /// The command to run one input again, in the repository's folder. cargo-fuzz is not in `PATH`: it was installed
    /// to a folder of its own.
    fn again(&self, name: &str, input: &str) -> String {
        let (tool_chain, program) = (quoted(&self.tool_chain), quoted(&self.program.to_string_lossy()));
        format!(
            "RUSTUP_TOOLCHAIN={tool_chain} CARGO_TARGET_DIR=fuzz/target {program} run {name} {}",
            quoted(input)
        )
    }

    fn build(&self, workspace: &Workspace, log: &mut Log, only: Option<&str>) -> Result<()> {
        let mut build = self.command(workspace, "build");
        build.args(only);
        log.must(build, BUILDING).with_context(|| format!("the log: {}", log.path().display()))?;
        Ok(())
    }

    /// Fuzzes one target. New inputs go to a folder of their own, and never among the committed ones.
    fn fuzz(&self, workspace: &Workspace, log: &mut Log, name: &str, seconds: u32) -> Result<Statistics> {
        let found = self.found.join(name);
        fs::create_dir_all(&found).with_context(|| format!("can't make {}", found.display()))?;
        let mut run = self.command(workspace, "run");
        run.arg(name).arg(&found).arg(corpus(workspace, name)).arg("--");
        run.arg(format!("-max_total_time={seconds}")).args(["-print_final_stats=1", "-timeout=30"]);
        let dictionary = workspace.root().join("fuzz/dictionaries").join(format!("{name}.dict"));
        if dictionary.exists() {
            run.arg(format!("-dict={}", dictionary.display()));
        }
        let finished = log.run(run, Duration::from_secs(seconds.into()) + MARGIN)?;
        let mut statistics = Statistics::of(&finished.output);
        statistics.corpus = files(&found)?.len() + files(&corpus(workspace, name))?.len();
        if let Err(failure) = finished.require()
            && statistics.crash.is_none()
        {
            statistics.crash = Some(failure.to_string());
        }
        ensure!(statistics.crash.is_some() || statistics.executions > 0, "{name} ran no input");
        Ok(statistics)
    }

    /// Merges what was found into the committed corpus: only inputs that reach code which the others don't, the
    /// smallest first. Returns how many there were.
    fn keep(&self, workspace: &Workspace, log: &mut Log, name: &str) -> Result<usize> {
        let (committed, found) = (corpus(workspace, name), self.found.join(name));
        let merged = self.found.join(format!("{name}-merged"));
        let _ = fs::remove_dir_all(&merged);
        fs::create_dir_all(&merged)?;
        for file in files(&committed)? {
            fs::copy(&file, merged.join(file.file_name().context("a file has a name")?))?;
        }
        let mut merge = self.command(workspace, "run");
        merge.arg(name).arg(&merged).arg(&found).args(["--", "-merge=1", "-use_counters=0"]);
        log.must(merge, BUILDING)?;
        let mut new = files(&merged)?;
        new.retain(|file| file.file_name().is_some_and(|name| !committed.join(name).exists()));
        new.sort_by_key(|file| (size(file), file.clone()));
        let (mut number, mut bytes) =
            (files(&committed)?.len(), files(&committed)?.iter().map(|file| size(file)).sum::<u64>());
        let before = number;
        for file in new {
            bytes += size(&file);
            if number == MOST_FILES || bytes > MOST_BYTES {
                break;
            }
            // libFuzzer names an input by its hash: the same input has the same name everywhere.
            fs::copy(&file, committed.join(file.file_name().context("a file has a name")?))?;
            number += 1;
        }
        fs::remove_dir_all(&merged)?;
        Ok(number - before)
    }
}

fn corpus(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root().join("fuzz/corpus").join(name)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |metadata| metadata.len())
}

fn tell_crash(ui: Ui, log: &Log, fuzzer: &Fuzzer, name: &str, statistics: &Statistics) {
    let lines = log.tail(LINES_OF_A_CRASH);
    let reason = |line: &&str| line.contains("panicked at ") || line.contains("ERROR: ");
    let start = lines.iter().position(reason).unwrap_or_default();
    for line in lines.iter().skip(start).take(LINES_TOLD) {
        println!("    {line}");
    }
    ui.failed(statistics.crash.as_deref().unwrap_or_default());
    if let Some(input) = &statistics.input {
        ui.note(&format!("the input: {input}"));
        ui.note(&format!("again, in the repository's folder: {}", fuzzer.again(name, input)));
        ui.note(&format!("when it is fixed, copy the input to fuzz/corpus/{name}, so that it is replayed"));
    }
    ui.note(&format!("the whole log: {}", log.path().display()));
}

/// The table of all targets, then how many crashed.
fn finish(ui: Ui, rows: &[(&String, Statistics)]) -> ExitCode {
    println!("\n{}", ui.paint("1", "target            executions   a second   coverage   corpus"));
    for (name, row) in rows {
        let crashed = if row.crash.is_some() { ui.paint("1;31", "  CRASHED") } else { String::new() };
        println!(
            "{name:16} {:>11} {:>10} {:>10} {:>8}{crashed}",
            row.executions, row.per_second, row.coverage, row.corpus
        );
    }
    let crashed = rows.iter().filter(|(_, row)| row.crash.is_some()).count();
    println!("\n{} targets, {crashed} crashed", rows.len());
    if crashed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fuzz() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
    }

    #[test]
    fn every_target_is_built_has_a_corpus_and_is_documented() {
        let all = targets(&fuzz()).unwrap();
        let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
        let readme = fs::read_to_string(fuzz().join("README.md")).unwrap();
        let programs = manifest.lines().filter_map(|line| line.strip_prefix("name = "));
        let mut programs: Vec<_> = programs.map(|name| name.trim_matches('"').to_owned()).collect();
        programs.retain(|name| name != "moorline-fuzz");
        programs.sort();
        assert_eq!(programs, all);
        let mut corpora = Vec::new();
        for folder in files(&fuzz().join("corpus")).unwrap() {
            corpora.push(folder.file_name().unwrap().to_str().unwrap().to_owned());
        }
        corpora.sort();
        assert_eq!(corpora, all);
        for name in all {
            assert!(readme.contains(&format!("| `{name}` |")), "fuzz/README.md says nothing of {name}");
        }
    }

    #[test]
    fn the_command_to_run_an_input_again_needs_nothing_in_path() {
        let fuzzer = Fuzzer {
            program: "/home/ada/My Tools/bin/cargo-fuzz".into(),
            tool_chain: "nightly-x86_64-unknown-linux-gnu".to_owned(),
            found: PathBuf::new(),
        };
        assert_eq!(
            fuzzer.again("token", "fuzz/artifacts/token/crash-0a"),
            "RUSTUP_TOOLCHAIN=nightly-x86_64-unknown-linux-gnu CARGO_TARGET_DIR=fuzz/target \
             '/home/ada/My Tools/bin/cargo-fuzz' run token fuzz/artifacts/token/crash-0a"
        );
        assert_eq!(quoted("ada's"), r"'ada'\''s'");
    }

    #[test]
    fn every_committed_corpus_is_small() {
        for folder in files(&fuzz().join("corpus")).unwrap() {
            let files = files(&folder).unwrap();
            let bytes: u64 = files.iter().map(|file| size(file)).sum();
            assert!((1..=MOST_FILES).contains(&files.len()), "{}: {} files", folder.display(), files.len());
            assert!(bytes <= MOST_BYTES, "{}: {bytes} bytes", folder.display());
        }
    }
}
