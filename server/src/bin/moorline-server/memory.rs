//! The allocator.

/// Serves the C code (SQLite, cryptography) too. Beside glibc's, a refresh takes less CPU time and an idle connection
/// less memory, and the memory of each password hash (19 MiB) goes back to the system at once. Other systems'
/// allocators do well by themselves.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
