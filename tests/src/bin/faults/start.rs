//! What a sweep of system calls begins with.

/// In which state what is swept begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Start {
    /// The SDK's process is new.
    New,
    /// It has refreshed before.
    Warm,
    /// The command line program begins.
    Command,
    /// The server serves.
    Serving,
    /// The server starts after a crash.
    Starting,
    /// The server stops in an orderly way.
    Stopping,
}

impl Start {
    /// About how many calls there are, for runs that are too short for all of them.
    pub(crate) const fn calls(self) -> usize {
        match self {
            Self::New | Self::Warm | Self::Command => 35,
            Self::Serving => 60,
            Self::Starting => 80,
            Self::Stopping => 15,
        }
    }

    /// In words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::New => "a new process",
            Self::Warm => "an old process",
            Self::Command => "a command",
            Self::Serving => "the server's commit",
            Self::Starting => "the server's start",
            Self::Stopping => "the server's stop",
        }
    }
}
