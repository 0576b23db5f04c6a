//! How the program ends: one number for each kind of error.

/// The exit codes. They are part of the interface: a script may branch on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    Local = 1,
    Usage = 2,
    SignedOut = 3,
    NeedsReauth = 4,
    Offline = 5,
    Cancelled = 6,
    StorageUnavailable = 7,
    StorageLost = 8,
    PinMismatch = 9,
    ClockSkew = 10,
    Refused = 11,
    Misconfigured = 12,
    HttpStatus = 13,
    RateLimited = 14,
    Untrusted = 15,
    Unfit = 20,
}

impl Exit {
    pub(crate) const ALL: [Self; 17] = [
        Self::Success,
        Self::Local,
        Self::Usage,
        Self::SignedOut,
        Self::NeedsReauth,
        Self::Offline,
        Self::Cancelled,
        Self::StorageUnavailable,
        Self::StorageLost,
        Self::PinMismatch,
        Self::ClockSkew,
        Self::Refused,
        Self::Misconfigured,
        Self::HttpStatus,
        Self::RateLimited,
        Self::Untrusted,
        Self::Unfit,
    ];

    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// The name in the JSON form of an error.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Local => "local",
            Self::Usage => "usage",
            Self::SignedOut => "signed_out",
            Self::NeedsReauth => "needs_reauth",
            Self::Offline => "offline",
            Self::Cancelled => "cancelled",
            Self::StorageUnavailable => "storage_unavailable",
            Self::StorageLost => "storage_lost",
            Self::PinMismatch => "pin_mismatch",
            Self::ClockSkew => "clock_skew",
            Self::Refused => "refused",
            Self::Misconfigured => "misconfigured",
            Self::HttpStatus => "http_status",
            Self::RateLimited => "rate_limited",
            Self::Untrusted => "untrusted",
            Self::Unfit => "unfit",
        }
    }

    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "it worked",
            Self::Local => "a file of the program's own can't be read or written",
            Self::Usage => "the command line is wrong",
            Self::SignedOut => "nobody is signed in with this profile",
            Self::NeedsReauth => "the session has ended: sign in again",
            Self::Offline => "the server can't be reached or isn't answering properly: try again",
            Self::Cancelled => "the sign-in was called off, refused by the person, or ran out of time",
            Self::StorageUnavailable => "the key store is locked, missing or busy: unlock it and try again",
            Self::StorageLost => "the vault or its key is lost: sign in again",
            Self::PinMismatch => "the server's certificate doesn't match the pins: nothing was sent",
            Self::ClockSkew => "this machine's clock is off: set it",
            Self::Refused => "the provider refused, or what it sent failed a check",
            Self::Misconfigured => "the profile's settings don't fit the provider",
            Self::HttpStatus => "the API answered with a status of 400 or more",
            Self::RateLimited => "the server asks to wait: try again after the time that the error names",
            Self::Untrusted => "the server's certificate is not trusted: nothing was sent",
            Self::Unfit => "`check` found at least one failure in the provider: see its report",
        }
    }

    /// The table that `--help` ends with.
    pub(crate) fn table() -> String {
        let rows: Vec<String> =
            Self::ALL.iter().map(|exit| format!("  {:>2}  {}", exit.code(), exit.meaning())).collect();
        format!("Exit codes:\n{}", rows.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_exit_code_with_its_name_and_meaning() {
        let readme = include_str!("../README.md");
        for exit in Exit::ALL {
            let row = format!("| {} | `{}` | {} |", exit.code(), exit.name(), exit.meaning());
            assert!(readme.contains(&row), "cli/README.md lacks the row\n{row}");
        }
    }

    #[test]
    fn no_two_classes_share_a_code() {
        for (at, exit) in Exit::ALL.iter().enumerate() {
            assert_eq!(usize::from(exit.code()), at);
        }
    }
}
