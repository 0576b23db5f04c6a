//! Whether standard output was closed when the program started (`>&-`). The standard library opens `/dev/null` in its
//! place before `main`, so that it can only be found out before that.

#[cfg(unix)]
mod before_main {
    use std::os::fd::AsFd as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    static CLOSED: AtomicBool = AtomicBool::new(false);

    ctor::declarative::ctor! {
        #[ctor(unsafe)]
        fn look() {
            let closed = std::io::stdout().as_fd().try_clone_to_owned().is_err();
            CLOSED.store(closed, Ordering::Relaxed);
        }
    }

    pub(super) fn was_closed() -> bool {
        CLOSED.load(Ordering::Relaxed)
    }
}

pub(super) fn standard_output_was_closed() -> bool {
    #[cfg(unix)]
    return before_main::was_closed();
    #[cfg(not(unix))]
    false
}
