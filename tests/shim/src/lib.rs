//! A library for `LD_PRELOAD` that ends its process, or its power, at one chosen system call. See the README.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "standing in for libc's functions can't be done without")]

mod clock;
mod control;
mod hooks;
mod journal;
mod raw;

use std::ffi::c_int;

use control::{Control, Mode, Need, Step};

/// What becomes of the call that is about to be made.
enum Fate {
    /// It is made as if nobody were here.
    Untouched,
    /// Its first half is made, and then the process dies.
    Half,
    /// It is made, and then the process dies.
    ThenDie,
    /// It fails, with this error or the usual one.
    Fail(Option<c_int>),
}

/// Counts the call, and does what has to be done before it.
fn step(control: &Control, step: Step, need: Need) -> Fate {
    match control.take(step, need) {
        None => Fate::Untouched,
        Some(Mode::KillBefore) => raw::die(),
        Some(Mode::KillHalf) => Fate::Half,
        Some(Mode::KillAfter) => Fate::ThenDie,
        Some(Mode::Fail) => Fate::Fail(None),
        Some(Mode::Refuse(errno)) => Fate::Fail(Some(errno)),
        Some(Mode::Signal(signal)) => {
            raw::signal_self(signal);
            Fate::Untouched
        }
        Some(Mode::Freeze) => {
            raw::freeze();
            Fate::Untouched
        }
        Some(Mode::PowerLoss { keeps_some }) => {
            journal::lose(keeps_some.then(|| control.seed()));
            raw::die()
        }
    }
}
