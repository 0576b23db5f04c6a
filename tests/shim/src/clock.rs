//! The clocks of this process, set ahead by as much as the harness says.

use std::ffi::CString;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{c_int, clockid_t, timespec};

use crate::raw;

/// How many seconds the clocks are ahead: a word that the harness shares with this process.
fn ahead() -> u64 {
    static AHEAD: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
    AHEAD.get_or_init(map).map_or(0, |ahead| ahead.load(Ordering::SeqCst))
}

fn map() -> Option<&'static AtomicU64> {
    let path = std::env::var_os("MOORLINE_SHIM_CLOCK")?.into_encoded_bytes();
    let word = raw::map_shared(&CString::new(path).ok()?, size_of::<AtomicU64>())?.cast::<AtomicU64>();
    // SAFETY: the mapping is never taken away, and is as long as an atomic word.
    Some(unsafe { &*word })
}

#[unsafe(no_mangle)]
extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    let result = raw::call(libc::SYS_clock_gettime, [clock as usize, time as usize]) as c_int;
    let is_of_the_world =
        matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_MONOTONIC | libc::CLOCK_BOOTTIME);
    if result == 0 && is_of_the_world {
        // SAFETY: the kernel has just written to it.
        unsafe { (*time).tv_sec += ahead().cast_signed() };
    }
    result
}
