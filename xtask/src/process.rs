//! Running other programs: their output into a log, a limit on their time, and nothing left behind.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::ui::{Ui, duration, shorten, without_colours};

/// What one step does: programs run one after the other, all in one log.
#[derive(Debug)]
pub(crate) struct Log {
    ui: Ui,
    path: PathBuf,
    file: File,
    last_output: String,
}

/// A program that has ended, well or not.
#[derive(Debug)]
#[must_use]
pub(crate) struct Finished {
    /// All that it printed, on both streams, without colours.
    pub output: String,
    failure: Option<String>,
}

impl Log {
    /// A new, empty log.
    pub(crate) fn create(ui: Ui, path: PathBuf) -> Result<Self> {
        let folder = path.parent().context("a log is in a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        let file = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
        Ok(Self { ui, path, file, last_output: String::new() })
    }

    /// Runs a program to its end, or to the end of its time.
    ///
    /// Errors: when it can't be started. [`Finished::require`] reports a failure of the program.
    pub(crate) fn run(&mut self, mut command: Command, limit: Duration) -> Result<Finished> {
        let line = command_line(&command);
        writeln!(self.file, "$ {line}")?;
        if self.ui.is_verbose() {
            self.ui.note(&format!("$ {line}"));
        }
        let (reader, writer) = std::io::pipe()?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("can't start `{line}`"))?;
        drop(command); // It holds the writing end of the pipe, whose closing is the end of the output.

        let started = Instant::now();
        let lines = lines_of(reader);
        let mut output = String::new();
        let status = self.follow(&mut child, &lines, started, limit, &mut output)?;
        // What a program left in the background may hold the pipe open: the rest is read for a moment only.
        while let Ok(line) = lines.recv_timeout(Duration::from_secs(1)) {
            self.take(&line, &mut output)?;
        }
        self.ui.clear_progress();
        self.file.flush()?;
        self.last_output.clone_from(&output);
        let failure = match status {
            Some(status) if status.success() => None,
            Some(status) => Some(format!("`{}` failed ({status})", shorten(&line, 60))),
            None => {
                Some(format!("`{}` was stopped after {}, its limit", shorten(&line, 60), duration(limit)))
            }
        };
        Ok(Finished { output, failure })
    }

    /// Runs a program that has to end well.
    pub(crate) fn must(&mut self, command: Command, limit: Duration) -> Result<String> {
        let finished = self.run(command, limit)?;
        finished.require()?;
        Ok(finished.output)
    }

    /// The last lines that the last program printed, to show why it failed.
    pub(crate) fn tail(&self, lines: usize) -> Vec<&str> {
        let all: Vec<&str> = self.last_output.lines().collect();
        all[all.len().saturating_sub(lines)..].to_vec()
    }

    /// Where the whole log is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the commands print.
    pub(crate) const fn ui(&self) -> Ui {
        self.ui
    }

    /// Takes the output as it comes until the program ends; `None` when its time ran out and it was stopped.
    fn follow(
        &mut self,
        child: &mut Child,
        lines: &Receiver<String>,
        started: Instant,
        limit: Duration,
        output: &mut String,
    ) -> Result<Option<ExitStatus>> {
        let beat = if self.ui.is_terminal() { Duration::from_secs(1) } else { Duration::from_secs(30) };
        let mut shown = started;
        let mut last_line = String::new();
        loop {
            match lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => {
                    self.take(&line, output)?;
                    last_line = line;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(20)),
            }
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if started.elapsed() > limit {
                stop_with_descendants(child);
                return Ok(None);
            }
            if !self.ui.is_verbose() && shown.elapsed() > beat {
                shown = Instant::now();
                self.ui.progress(started.elapsed(), &last_line);
            }
        }
    }

    fn take(&mut self, line: &str, output: &mut String) -> Result<()> {
        writeln!(self.file, "{line}")?;
        if self.ui.is_verbose() {
            self.ui.note(&format!("  {line}"));
        }
        output.push_str(line);
        output.push('\n');
        Ok(())
    }
}

impl Finished {
    /// Errors: when the program failed or was stopped.
    pub(crate) fn require(&self) -> Result<()> {
        match &self.failure {
            None => Ok(()),
            Some(failure) => bail!("{failure}"),
        }
    }
}

/// The lines that come out of a pipe, without colours, read on a thread of their own.
pub(crate) fn lines_of(reader: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
            let line = without_colours(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']));
            if sender.send(line).is_err() {
                return;
            }
            bytes.clear();
        }
    });
    receiver
}

/// Asks a program and all that it started to end, and ends those that don't within five seconds.
pub(crate) fn stop_with_descendants(child: &mut Child) {
    let mut family = descendants(child.id());
    family.push(child.id());
    signal("TERM", &family);
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        let ended = matches!(child.try_wait(), Ok(Some(_)));
        if ended && !family.iter().any(|pid| runs(*pid)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    family.extend(descendants(child.id()));
    family.retain(|pid| runs(*pid));
    signal("KILL", &family);
    let _ = child.kill();
    let _ = child.wait();
}

/// Sends a signal by the shell's own `kill`: it is on every machine, and this crate has no unsafe code.
fn signal(name: &str, pids: &[u32]) {
    if pids.is_empty() {
        return;
    }
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill \"$@\"", "sh", &format!("-{name}")]).args(pids.iter().map(ToString::to_string));
    let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Whether a process runs. One that has ended and was not yet collected by its parent has no program any more.
fn runs(pid: u32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

/// The processes below one, by the parent that `/proc/PID/stat` names. Empty where there is no such file.
fn descendants(of: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pairs: Vec<(u32, u32)> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in parentheses may hold spaces; the state and the parent follow it (proc_pid_stat(5)).
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = Vec::new();
    let mut next = vec![of];
    while let Some(parent) = next.pop() {
        let children = pairs.iter().filter(|(_, its_parent)| *its_parent == parent).map(|(pid, _)| *pid);
        next.extend(children.clone());
        found.extend(children);
    }
    found
}

/// The command as it would be typed.
pub(crate) fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| {
        let argument = argument.to_string_lossy();
        if argument.contains([' ', '\n', '"', '$']) { format!("'{argument}'") } else { argument.into_owned() }
    });
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn log(scratch: &Scratch) -> Log {
        Log::create(Ui::for_this_terminal(), scratch.path().join("log")).unwrap()
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_a_program_prints_on_both_streams_is_kept_and_a_failure_is_reported() {
        let scratch = Scratch::new("test").unwrap();
        let finished =
            log(&scratch).run(shell("echo one; echo two >&2; exit 3"), Duration::from_secs(30)).unwrap();
        assert_eq!(finished.output, "one\ntwo\n");
        assert!(finished.require().unwrap_err().to_string().contains('3'));
    }

    #[test]
    fn a_program_that_takes_too_long_is_stopped_with_what_it_started() {
        let scratch = Scratch::new("test").unwrap();
        let script = "sleep 600 & echo $!; exec sleep 600";
        let finished = log(&scratch).run(shell(script), Duration::from_millis(300)).unwrap();
        assert!(finished.require().unwrap_err().to_string().contains("was stopped"));
        let pid = finished.output.trim().parse().unwrap();
        assert!(!runs(pid), "{pid} still runs");
    }
}
