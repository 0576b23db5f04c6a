//! A process that is stopped in the midst of a refresh, as phones do to apps, while another one on the same device goes on.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::process::Command;

use crate::owner::Owner;
use crate::shell::Step;

const GLANCE: Duration = Duration::from_millis(3);

/// Refreshes in the owner's process. If the shim stops it on the way, another process refreshes `others` times before it
/// goes on; or until it finds that the stopped one holds the vault.
pub(crate) async fn refresh(owner: &mut Owner, others: usize) -> Result<()> {
    let (pid, ended) = (owner.pid()?, AtomicBool::new(false));
    let mut other = owner.another_process()?;
    let control = owner.control().clone();
    let refreshing = async {
        let step = owner.refresh().await;
        ended.store(true, Ordering::SeqCst);
        step
    };
    let meanwhile = async {
        while control.happened()?.is_none() {
            if ended.load(Ordering::SeqCst) {
                return Ok(());
            }
            tokio::time::sleep(GLANCE).await;
        }
        let gone_on = async {
            for _ in 0..others {
                // Should it find that the session is over, the owner will too, and that is what counts.
                if !matches!(other.refresh().await?, Step::Done) {
                    break;
                }
            }
            anyhow::Ok(())
        };
        let outcome = gone_on.await;
        let thaw =
            Command::new("kill").args(["-CONT", &pid.to_string()]).stdin(Stdio::null()).status().await?;
        ensure!(thaw.success(), "process {pid} can't be let go on");
        outcome
    };
    let (step, outcome) = tokio::join!(refreshing, meanwhile);
    step?;
    outcome
}
