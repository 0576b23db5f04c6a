//! libc's functions, in whose place the loader finds these.
//!
//! Each asks whether the call is watched, lets the harness have its way, and otherwise makes the system call that libc
//! would have made.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};

use libc::{mode_t, off_t, size_t, sockaddr, socklen_t, ssize_t};

use crate::control::{Control, Need, Step};
use crate::{Fate, journal, raw, step};

/// What a watched descriptor is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    File,
    Folder,
    Socket,
}

fn watched(fd: c_int) -> Option<(&'static Control, Watched)> {
    let control = Control::get()?;
    raw::keeping_errno(|| {
        // A signal's handler wakes its program through such a socket. Nothing may be allocated in one: the signal may
        // have interrupted the allocator.
        if raw::is_local_socket(fd) {
            return None;
        }
        let path = raw::path_of(fd);
        if path.starts_with(b"socket:") {
            return Some((control, Watched::Socket));
        }
        let (_, _, folder) = control.watches(&path).then(|| raw::identity(fd))??;
        Some((control, if folder { Watched::Folder } else { Watched::File }))
    })
}

fn watched_path(path: *const c_char) -> Option<(&'static Control, CString)> {
    let control = Control::get()?;
    // SAFETY: every caller passes the C string that it was given by its own.
    let path = unsafe { CStr::from_ptr(path) };
    control.watches(path.to_bytes()).then(|| (control, path.to_owned()))
}

/// Makes the call, or not, as `fate` says. `half` is the call on the first half of the bytes, where there is such a
/// thing.
fn meet<T, H>(
    fate: Fate,
    whole: impl FnOnce() -> T,
    half: impl FnOnce() -> H,
    failed: impl FnOnce(Option<c_int>) -> T,
) -> T {
    match fate {
        Fate::Untouched => whole(),
        Fate::Half => {
            half();
            raw::die()
        }
        Fate::ThenDie => {
            whole();
            raw::die()
        }
        Fate::Fail(errno) => failed(errno),
    }
}

fn open_watched(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let call = || raw::open_at(folder, path, flags, mode);
    let Some((control, name)) = (flags & libc::O_CREAT != 0).then(|| watched_path(path)).flatten() else {
        return call();
    };
    let is_new =
        || raw::keeping_errno(|| raw::call(libc::SYS_faccessat, [folder as usize, path as usize, 0])) != 0;
    let fate = step(control, Step::Create, if is_new() { Need::Name } else { Need::Nothing });
    let made = || {
        if !control.journals() {
            return call();
        }
        let mut journal = journal::lock();
        let new = is_new();
        let fd = call();
        if new && fd >= 0 {
            journal.made(name);
        }
        fd
    };
    meet(fate, made, || (), |errno| raw::fail(errno.unwrap_or(libc::ENOSPC)))
}

fn write_file(
    control: &'static Control,
    (fd, bytes, count): (c_int, *const c_void, size_t),
    offset: Option<off_t>,
) -> ssize_t {
    let write = |count| {
        let call = || match offset {
            Some(offset) => raw::write_at(fd, bytes, count, offset),
            None => raw::write(fd, bytes, count),
        };
        if !control.journals() {
            return call();
        }
        let mut journal = journal::lock();
        let at = offset.map_or_else(|| raw::position(fd), |offset| u64::try_from(offset).unwrap_or(0));
        // SAFETY: the caller's buffer, of which at least so much is there.
        journal.write(fd, at, unsafe { std::slice::from_raw_parts(bytes.cast(), count) });
        call()
    };
    let start = offset.map_or_else(|| raw::position(fd), |offset| u64::try_from(offset).unwrap_or(0));
    let end = start + count as u64;
    let need = Need::Bytes { end, grows: raw::keeping_errno(|| raw::grows(fd, end)) };
    let failed = |errno: Option<c_int>| raw::fail(errno.unwrap_or(libc::ENOSPC)) as ssize_t;
    meet(step(control, Step::Write, need), || write(count), || write(count / 2), failed)
}

fn sync(fd: c_int, number: c_long) -> c_int {
    let call = || raw::call(number, [fd as usize]) as c_int;
    let (control, step_) = match watched(fd) {
        Some((control, Watched::File)) => (control, Step::Sync),
        Some((control, Watched::Folder)) => (control, Step::SyncFolder),
        _ => return call(),
    };
    let fate = step(control, step_, Need::Nothing);
    let whole = || {
        let result = if control.journals() {
            let mut journal = journal::lock();
            let result = call();
            if result == 0 {
                journal.synced(fd);
            }
            result
        } else {
            call()
        };
        if result == 0 && matches!(step_, Step::SyncFolder) {
            control.synced_folder();
        }
        result
    };
    meet(fate, whole, || (), |errno| raw::fail(errno.unwrap_or(libc::EIO)))
}

fn cut(fd: c_int, length: off_t) -> c_int {
    let call = || raw::truncate(fd, length);
    let Some((control, Watched::File)) = watched(fd) else { return call() };
    let fate = step(control, Step::Truncate, Need::Nothing);
    let whole = || {
        if !control.journals() {
            return call();
        }
        let mut journal = journal::lock();
        journal.truncate(fd, u64::try_from(length).unwrap_or(0));
        call()
    };
    meet(fate, whole, || (), |errno| raw::fail(errno.unwrap_or(libc::EIO)))
}

/// A call on a socket; `half` is the same on half of the bytes.
fn on_socket<H>(fd: c_int, what: Step, whole: impl FnOnce() -> ssize_t, half: impl FnOnce() -> H) -> ssize_t {
    match watched(fd) {
        Some((control, Watched::Socket)) => {
            let failed = |errno: Option<c_int>| raw::fail(errno.unwrap_or(libc::ECONNRESET)) as ssize_t;
            meet(step(control, what, Need::Nothing), whole, half, failed)
        }
        _ => whole(),
    }
}

#[unsafe(no_mangle)]
extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    open_watched(libc::AT_FDCWD, path, flags, mode)
}

#[unsafe(no_mangle)]
extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    open_watched(libc::AT_FDCWD, path, flags | libc::O_LARGEFILE, mode)
}

#[unsafe(no_mangle)]
extern "C" fn openat64(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    open_watched(folder, path, flags | libc::O_LARGEFILE, mode)
}

#[unsafe(no_mangle)]
extern "C" fn write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    match watched(fd) {
        Some((control, Watched::File)) => write_file(control, (fd, bytes, count), None),
        _ => {
            let send = |count| raw::write(fd, bytes, count);
            on_socket(fd, Step::Send, || send(count), || send(count / 2))
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    match watched(fd) {
        Some((control, Watched::File)) => write_file(control, (fd, bytes, count), Some(offset)),
        _ => raw::write_at(fd, bytes, count, offset),
    }
}

#[unsafe(no_mangle)]
extern "C" fn pwrite(fd: c_int, bytes: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    pwrite64(fd, bytes, count, offset)
}

#[unsafe(no_mangle)]
extern "C" fn writev(fd: c_int, parts: *const libc::iovec, count: c_int) -> ssize_t {
    let call =
        |count: c_int| raw::call(libc::SYS_writev, [fd as usize, parts as usize, count as usize]) as ssize_t;
    on_socket(fd, Step::Send, || call(count), || call(count / 2))
}

#[unsafe(no_mangle)]
extern "C" fn send(fd: c_int, bytes: *const c_void, count: size_t, flags: c_int) -> ssize_t {
    let call = |count: size_t| {
        let arguments = [fd as usize, bytes as usize, count, flags as usize, 0, 0];
        raw::call(libc::SYS_sendto, arguments) as ssize_t
    };
    on_socket(fd, Step::Send, || call(count), || call(count / 2))
}

#[unsafe(no_mangle)]
extern "C" fn recv(fd: c_int, bytes: *mut c_void, count: size_t, flags: c_int) -> ssize_t {
    let arguments = [fd as usize, bytes as usize, count, flags as usize, 0, 0];
    let whole = || {
        let count = raw::call(libc::SYS_recvfrom, arguments) as ssize_t;
        if count > 0
            && let Some(control) = Control::get()
        {
            control.received();
        }
        count
    };
    on_socket(fd, Step::Receive, whole, || ())
}

#[unsafe(no_mangle)]
extern "C" fn connect(fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
    let arguments = [fd as usize, address as usize, length as usize];
    on_socket(fd, Step::Connect, || raw::call(libc::SYS_connect, arguments) as ssize_t, || ()) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    cut(fd, length)
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    cut(fd, length)
}

#[unsafe(no_mangle)]
extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let here = libc::AT_FDCWD as usize;
    let call = || raw::call(libc::SYS_renameat2, [here, from as usize, here, to as usize, 0]) as c_int;
    let (Some((control, old)), Some((_, new))) = (watched_path(from), watched_path(to)) else {
        return call();
    };
    let fate = step(control, Step::Rename, Need::Change);
    let whole = || {
        let name = new.clone();
        let result = if control.journals() {
            let mut journal = journal::lock();
            let replaced = raw::keeping_errno(|| journal::contents(&new));
            let result = call();
            if result == 0 {
                journal.renamed(old, new, replaced);
            }
            result
        } else {
            call()
        };
        if result == 0 {
            control.renamed(name.to_bytes());
        }
        result
    };
    meet(fate, whole, || (), |errno| raw::fail(errno.unwrap_or(libc::EIO)))
}

fn link_at(from: (c_int, *const c_char), to: (c_int, *const c_char), flags: c_int) -> c_int {
    let arguments = [from.0 as usize, from.1 as usize, to.0 as usize, to.1 as usize, flags as usize];
    let call = || raw::call(libc::SYS_linkat, arguments) as c_int;
    let Some((control, name)) = watched_path(to.1) else { return call() };
    let fate = step(control, Step::Link, Need::Name);
    let whole = || {
        if !control.journals() {
            return call();
        }
        let mut journal = journal::lock();
        let result = call();
        if result == 0 {
            journal.made(name);
        }
        result
    };
    meet(fate, whole, || (), |errno| raw::fail(errno.unwrap_or(libc::ENOSPC)))
}

#[unsafe(no_mangle)]
extern "C" fn linkat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    link_at((from_folder, from), (to_folder, to), flags)
}

#[unsafe(no_mangle)]
extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    link_at((libc::AT_FDCWD, from), (libc::AT_FDCWD, to), 0)
}

#[unsafe(no_mangle)]
extern "C" fn unlink(path: *const c_char) -> c_int {
    let call = || raw::call(libc::SYS_unlinkat, [libc::AT_FDCWD as usize, path as usize, 0]) as c_int;
    let Some((control, name)) = watched_path(path) else { return call() };
    let fate = step(control, Step::Unlink, Need::Change);
    let whole = || {
        if !control.journals() {
            return call();
        }
        let mut journal = journal::lock();
        let contents = raw::keeping_errno(|| journal::contents(&name));
        let result = call();
        if result == 0
            && let Some(contents) = contents
        {
            journal.removed(name, contents);
        }
        result
    };
    meet(fate, whole, || (), |errno| raw::fail(errno.unwrap_or(libc::EIO)))
}
