//! What goes back to the system when it is freed.

/// Has the memory of each password hash (19 MiB) go back to the system at once. By itself glibc learns from the first
/// one to keep blocks of that size, for each of its threads: some hundred megabytes after a hundred sign-ins. Call it
/// before there are other threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator has no safe interface")]
pub(crate) fn give_large_blocks_back() {
    const LARGE: i32 = 1 << 20;
    // SAFETY: no memory is passed, and no other thread runs yet.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
}

/// Other allocators do so.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) const fn give_large_blocks_back() {}
