//! Real processes with one vault: one rotation, whatever happens to one of them.

use std::time::Duration;

use anyhow::{Result, bail};
use moorline_tests::shell::{Shell, is_vault_locked};
use moorline_tests::{Server, audit};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A device on which ada has signed in, and its processes.
struct Desk {
    server: Server,
    folder: TempDir,
    processes: Vec<Shell>,
}

impl Desk {
    async fn with_processes(count: usize) -> Result<Self> {
        let (server, folder) = (Server::start()?, tempfile::tempdir()?);
        let mut first = Shell::start(&server, folder.path(), "ada")?;
        first.ask("sign-in").await?;
        let mut processes = vec![first];
        for _ in 1..count {
            processes.push(Shell::start(&server, folder.path(), "ada")?);
        }
        for process in &mut processes {
            // From here on each knows the same token.
            let state = process.ask("state").await?;
            assert!(state["state"].as_str().is_some_and(|state| state.starts_with("SignedIn")), "{state}");
        }
        Ok(Self { server, folder, processes })
    }

    /// All refresh at once; returns the result of each.
    async fn refresh(&mut self) -> Result<Vec<Value>> {
        for process in &mut self.processes {
            process.tell("refresh 1").await?;
        }
        let mut answers = Vec::new();
        for process in &mut self.processes {
            answers.push(process.answer().await?);
        }
        Ok(answers)
    }

    fn rotations(&self) -> Result<i64> {
        audit::count(&self.server, "refresh.rotated")
    }

    /// Nothing was taken for a theft, and each process is let in.
    async fn assert_alive(&mut self) -> Result<()> {
        assert_eq!(audit::count(&self.server, "refresh.reuse")?, 0);
        let notes = format!("get {}/notes", self.server.dev().api);
        for process in &mut self.processes {
            assert_eq!(process.ask(&notes).await?["status"], 200);
        }
        Ok(())
    }

    /// Has the first process refresh and stops it while it holds the vault's lock, before it has sent anything or
    /// after the answer came; takes it out of the processes, and tells how many rotations there were before.
    async fn stop_one_in_the_lock(&mut self, answered: bool) -> Result<(Shell, i64)> {
        let mut process = self.processes.remove(0);
        // It is there for some milliseconds twice in a refresh: stopped again and again, it is caught soon.
        for _ in 0..100 {
            let before = self.rotations()?;
            process.tell("refresh 1").await?;
            let answer = loop {
                process.freeze().await?;
                if is_vault_locked(&self.folder.path().join("vault"))?
                    && (self.rotations()? > before) == answered
                {
                    return Ok((process, before));
                }
                process.thaw()?;
                if let Some(answer) = process.answer_within(Duration::from_millis(1)).await? {
                    break answer;
                }
            };
            assert_eq!(answer, one_token());
            // The others take up what it has brought, so that all want a newer one again.
            assert_eq!(self.refresh().await?, vec![one_token(); self.processes.len()]);
        }
        bail!("it was never caught in the lock")
    }
}

fn one_token() -> Value {
    json!({ "tokens": 1 })
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_with_one_vault_make_one_rotation() -> Result<()> {
    let mut desk = Desk::with_processes(8).await?;
    assert_eq!(desk.refresh().await?, vec![one_token(); 8]);
    assert_eq!(desk.rotations()?, 1);
    desk.assert_alive().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopped_while_it_holds_the_lock_keeps_the_others_waiting_and_costs_nothing()
-> Result<()> {
    let mut desk = Desk::with_processes(8).await?;
    let (mut stopped, before) = desk.stop_one_in_the_lock(false).await?;
    for answer in desk.refresh().await? {
        assert_eq!(answer["retryable"], true, "the lock is waited for, but not for ever: {answer}");
        assert!(answer["error"].as_str().is_some_and(|error| error.contains("storage")), "{answer}");
    }
    assert_eq!(desk.rotations()?, before, "nothing was sent that wasn't journalled");
    stopped.thaw()?;
    assert_eq!(stopped.answer().await?, one_token());
    assert_eq!(desk.refresh().await?, vec![one_token(); 7], "they use what it has brought");
    assert_eq!(desk.rotations()?, before + 1);
    desk.processes.push(stopped);
    desk.assert_alive().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopped_in_the_lock_with_its_answer_leaves_one_rotation() -> Result<()> {
    let mut desk = Desk::with_processes(8).await?;
    let (mut stopped, before) = desk.stop_one_in_the_lock(true).await?;
    // A process that needs the lock has to try again; one that reads the successor in the vault needs none.
    let answers = desk.refresh().await?;
    stopped.thaw()?;
    assert_eq!(stopped.answer().await?, one_token());
    for (process, answer) in desk.processes.iter_mut().zip(answers) {
        if answer != one_token() {
            assert_eq!(answer["retryable"], true, "{answer}");
            assert_eq!(process.ask("refresh 1").await?, one_token());
        }
    }
    assert_eq!(desk.rotations()?, before + 1);
    desk.processes.push(stopped);
    desk.assert_alive().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_while_it_holds_the_lock_leaves_one_rotation_to_the_others() -> Result<()> {
    for answered in [false, true] {
        let mut desk = Desk::with_processes(8).await?;
        let (killed, before) = desk.stop_one_in_the_lock(answered).await?;
        killed.kill().await?;
        assert_eq!(desk.refresh().await?, vec![one_token(); 7]);
        assert_eq!(desk.rotations()?, before + 1);
        desk.assert_alive().await?;
    }
    Ok(())
}
