//! A process that is stopped in the middle of a refresh, as phones do to apps, while another one on the same device
//! goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use moorline_tests::shell::{go_on, is_vault_locked, until_stopped};

use crate::owner::Owner;
use crate::shell::{Shell, Step};

const GLANCE: Duration = Duration::from_millis(3);

/// How many refreshes of the other process may bring no new token: its first can be the retry of what the stopped one
/// had sent, or find what that one had stored; and on a busy machine an answer can be late by itself.
const PATIENCE: usize = 12;

/// A late duplicate is known for one for so many rotations, and later taken for reuse. With limits on, no session
/// rotates as often within the time that the SDK waits for an answer; here it does.
const REMEMBERED: usize = 17;

/// So often another process refreshes at another provider, which knows no late duplicates.
const MOST_AT_OTHERS: usize = 3;

/// What the other process did while one was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// It had no occasion: the refresh made fewer calls.
    Nothing,
    /// The stopped one held the vault's lock, which is held for as long as it takes to write a file: the other has to
    /// try again later, sends nothing, and so forks nothing.
    LockedOut,
    /// It rotated so often.
    Rotated(usize),
    /// Another provider: it had to try again later, after so many rotations.
    HeldOff(usize),
    /// It learned that the session has ended. Its owner will, too, and that is what counts.
    Ended,
}

/// Refreshes in the owner's process. If the shim stops it on the way, another process rotates `others` times before it
/// goes on, unless the stopped one holds the vault's lock. If not `strict`, it may also have to try again later.
///
/// Errors: when the other process does neither.
pub(crate) async fn refresh(owner: &mut Owner, others: usize, strict: bool) -> Result<Meanwhile> {
    let (pid, ended) = (owner.pid()?, AtomicBool::new(false));
    let (mut other, vault) = (owner.another_process()?, owner.vault());
    let (control, site, session) = (owner.control().clone(), owner.site.clone(), owner.session());
    let rotations = || site.wire.rotations(session);
    let refreshing = async {
        let step = owner.refresh().await;
        ended.store(true, Ordering::SeqCst);
        step
    };
    let meanwhile = async {
        let at = loop {
            match control.happened()? {
                Some(step) => break step,
                None if ended.load(Ordering::SeqCst) => return Ok(Meanwhile::Nothing),
                None => tokio::time::sleep(GLANCE).await,
            }
        };
        until_stopped(pid).await?;
        // What it has sent may rotate too, and is not the other's doing.
        let wanted = if at == "receive" { (others + 1).min(REMEMBERED) } else { others };
        let outcome = if !strict {
            as_far_as_it_gets(&mut other, others.min(MOST_AT_OTHERS)).await
        } else if is_vault_locked(&vault)? {
            locked_out(&mut other, rotations).await
        } else {
            rotate(&mut other, wanted, rotations).await
        };
        go_on(pid)?;
        outcome
    };
    let (step, outcome) = tokio::join!(refreshing, meanwhile);
    step?;
    outcome
}

/// A process that needs the lock has to try again later; one that finds the successor of its token needs none.
async fn locked_out(other: &mut Shell, rotations: impl Fn() -> usize) -> Result<Meanwhile> {
    let before = rotations();
    // On a busy machine the stopped one may have given up waiting once, and started again: what it sent then can still
    // arrive, and rotates while the other finds no storage at present, and sends nothing.
    let mut said = other.refresh().await?;
    for _ in 0..PATIENCE {
        // There even the metadata may come too late, which are read before the lock is asked for.
        if !matches!(&said, Step::Later(error) if !error.contains("storage")) {
            break;
        }
        said = other.refresh().await?;
    }
    let late = match said {
        Step::Done => 0,
        Step::Later(error) if error.contains("storage") => 1,
        Step::Later(error) | Step::Ended(error) => bail!("the lock is held, and it says: {error}"),
        Step::Died => bail!("the other process died"),
    };
    let made = rotations() - before;
    ensure!(made <= late, "{made} rotations while a stopped process held the vault's lock");
    Ok(Meanwhile::LockedOut)
}

/// Without attempts a process has to wait for one that may have sent, however long that is stopped.
async fn as_far_as_it_gets(other: &mut Shell, wanted: usize) -> Result<Meanwhile> {
    for made in 0..wanted {
        match other.refresh().await? {
            Step::Done => {}
            Step::Later(_) => return Ok(Meanwhile::HeldOff(made)),
            Step::Ended(_) => return Ok(Meanwhile::Ended),
            Step::Died => bail!("the other process died"),
        }
    }
    Ok(Meanwhile::Rotated(wanted))
}

async fn rotate(other: &mut Shell, wanted: usize, rotations: impl Fn() -> usize) -> Result<Meanwhile> {
    let (before, mut last) = (rotations(), Step::Done);
    for _ in 0..wanted + PATIENCE {
        let made = rotations() - before;
        if made >= wanted {
            return Ok(Meanwhile::Rotated(made));
        }
        last = other.refresh().await?;
        match last {
            Step::Done | Step::Later(_) => {}
            Step::Ended(_) => return Ok(Meanwhile::Ended),
            Step::Died => bail!("the other process died"),
        }
    }
    let made = rotations() - before;
    bail!("nobody held the vault's lock, and the other process made {made} of {wanted} rotations: {last:?}")
}
