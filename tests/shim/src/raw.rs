//! The system calls themselves, past libc's functions, which are ours here.

use std::ffi::{CStr, c_int, c_long, c_void};

use libc::{off_t, size_t, ssize_t};

/// Ends this process as `kill -9` does.
pub(crate) fn die() -> ! {
    // SAFETY: no memory is passed.
    unsafe {
        libc::syscall(libc::SYS_kill, libc::getpid(), libc::SIGKILL);
    }
    loop {
        std::hint::spin_loop();
    }
}

/// Stops this process as `kill -STOP` does, until it gets a SIGCONT.
pub(crate) fn freeze() {
    // SAFETY: no memory is passed.
    unsafe {
        libc::syscall(libc::SYS_kill, libc::getpid(), libc::SIGSTOP);
    }
}

/// Sends this process a signal that it may handle.
pub(crate) fn signal_self(signal: c_int) {
    // SAFETY: no memory is passed.
    unsafe {
        libc::syscall(libc::SYS_kill, libc::getpid(), signal);
    }
}

/// Sets `errno`, and returns what a failing call returns.
pub(crate) fn fail(errno: c_int) -> c_int {
    // SAFETY: the pointer is this thread's own.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// Leaves `errno` as it was: what is looked up on the way is not the caller's.
pub(crate) fn keeping_errno<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: as above.
    let before = unsafe { *libc::__errno_location() };
    let result = work();
    fail(before);
    result
}

pub(crate) fn map_shared(path: &CStr, length: usize) -> Option<*mut c_void> {
    let fd = open_at(libc::AT_FDCWD, path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC, 0);
    if fd < 0 {
        return None;
    }
    // SAFETY: a new mapping at an address of the system's choice.
    let page = unsafe {
        libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd, 0)
    };
    (page != libc::MAP_FAILED).then_some(page)
}

pub(crate) fn open_at(folder: c_int, path: *const libc::c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    // SAFETY: the path is the caller's C string.
    unsafe { libc::syscall(libc::SYS_openat, folder, path, flags, mode) as c_int }
}

pub(crate) fn write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: the caller's buffer.
    unsafe { libc::syscall(libc::SYS_write, fd, bytes, count) as ssize_t }
}

pub(crate) fn write_at(fd: c_int, bytes: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    // SAFETY: the caller's buffer.
    unsafe { libc::syscall(libc::SYS_pwrite64, fd, bytes, count, offset) as ssize_t }
}

pub(crate) fn truncate(fd: c_int, length: off_t) -> c_int {
    // SAFETY: no memory is passed.
    unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) as c_int }
}

/// A call with the caller's own arguments.
pub(crate) fn call<const N: usize>(number: c_long, arguments: [usize; N]) -> c_long {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    let [a, b, c, d, e, f] = all;
    // SAFETY: the arguments are those that the caller gave to libc's function of the same name.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

/// Whether it is a socket between programs of this machine (`AF_UNIX`), and no network's.
pub(crate) fn is_local_socket(fd: c_int) -> bool {
    let (mut domain, mut length): (c_int, _) = (0, size_of::<c_int>() as libc::socklen_t);
    let value = (&raw mut domain).cast();
    // SAFETY: the value is as long as is said.
    let known = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_DOMAIN, value, &raw mut length) };
    known == 0 && domain == libc::AF_UNIX
}

/// The path of an open file, or what the system calls a socket.
pub(crate) fn path_of(fd: c_int) -> Vec<u8> {
    let link = format!("/proc/self/fd/{fd}\0");
    let mut path = vec![0; 4096];
    // SAFETY: the link ends in NUL, and the buffer is as long as is said.
    let length = unsafe { libc::readlink(link.as_ptr().cast(), path.as_mut_ptr().cast(), path.len()) };
    path.truncate(usize::try_from(length).unwrap_or(0));
    path
}

/// A descriptor of the same file for this library, which outlives its names.
pub(crate) fn reopen(fd: c_int) -> c_int {
    let link = format!("/proc/self/fd/{fd}\0");
    open_at(libc::AT_FDCWD, link.as_ptr().cast(), libc::O_RDWR | libc::O_CLOEXEC, 0)
}

/// Which file it is (device and number), how long, and whether it is a folder.
pub(crate) fn identity(fd: c_int) -> Option<((u64, u64), u64, bool)> {
    // SAFETY: all zeros is a `stat`.
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the buffer is a `stat`.
    let known = unsafe { libc::fstat(fd, &raw mut found) } == 0;
    known.then(|| {
        let folder = found.st_mode & libc::S_IFMT == libc::S_IFDIR;
        ((found.st_dev, found.st_ino), u64::try_from(found.st_size).unwrap_or(0), folder)
    })
}

/// Whether the file system still has to find blocks for bytes up to `end`.
pub(crate) fn grows(fd: c_int, end: u64) -> bool {
    // SAFETY: all zeros is a `stat`.
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the buffer is a `stat`.
    if unsafe { libc::fstat(fd, &raw mut found) } != 0 {
        return true;
    }
    let length = u64::try_from(found.st_size).unwrap_or(0);
    let allocated = u64::try_from(found.st_blocks).unwrap_or(0) * 512;
    end > length || allocated < length
}

/// Up to `count` bytes from `offset`: fewer at the file's end.
pub(crate) fn read_at(fd: c_int, count: usize, offset: u64) -> Vec<u8> {
    let mut bytes = vec![0; count];
    // SAFETY: the buffer is as long as is said.
    let read = unsafe { libc::pread(fd, bytes.as_mut_ptr().cast(), count, offset.cast_signed()) };
    bytes.truncate(usize::try_from(read).unwrap_or(0));
    bytes
}

pub(crate) fn position(fd: c_int) -> u64 {
    // SAFETY: no memory is passed.
    u64::try_from(unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) }).unwrap_or(0)
}

pub(crate) fn rename(from: &CStr, to: &CStr) -> c_int {
    let here = libc::AT_FDCWD as usize;
    call(libc::SYS_renameat2, [here, from.as_ptr() as usize, here, to.as_ptr() as usize, 0]) as c_int
}
