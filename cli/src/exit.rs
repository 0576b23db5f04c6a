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
    Output = 16,
    ShortLived = 17,
    Unfit = 18,
}

impl Exit {
    pub(crate) const ALL: [Self; 19] = [
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
        Self::Output,
        Self::ShortLived,
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
            Self::Output => "output",
            Self::ShortLived => "short_lived",
            Self::Unfit => "unfit",
        }
    }

    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "the command succeeded",
            Self::Local => "a file of the program cannot be read or written",
            Self::Usage => "the command line is wrong",
            Self::SignedOut => "nobody is signed in with this profile",
            Self::NeedsReauth => {
                "the session needs a new sign-in, or an API asks more of the user: run `moorline login`"
            }
            Self::Offline => "the server cannot be reached, or did not answer properly: try again",
            Self::Cancelled => "the user denied the request or nobody came back in time (`timed_out`)",
            Self::StorageUnavailable => "the key store or the vault cannot be used at present",
            Self::StorageLost => "the vault or its key is lost: sign in again",
            Self::PinMismatch => "the server's certificate does not match the pins: nothing was sent",
            Self::ClockSkew => "this machine's clock is wrong: set it",
            Self::Refused => "the provider refused, or its answer failed a check",
            Self::Misconfigured => "the profile's settings do not fit the provider",
            Self::HttpStatus => "the API answered with a status of 400 or more",
            Self::RateLimited => "the server asks to wait: try again after the time that the error names",
            Self::Unfit => "`check` found at least one failure in the provider: see its report",
            Self::Untrusted => "no trusted connection to the server (TLS): nothing was sent",
            Self::Output => "standard output cannot be written to",
            Self::ShortLived => "no access token is valid for as long as --min-validity asks",
        }
    }

    /// The table that `--help` ends with.
    pub(crate) fn table() -> String {
        let rows: Vec<String> =
            Self::ALL.iter().map(|exit| format!(" {:>3}  {}", exit.code(), exit.meaning())).collect();
        let others = OTHERS.map(|(code, _, meaning)| format!("\n {code:>3}  {meaning}"));
        format!("Exit codes:\n{}{}", rows.join("\n"), others.concat())
    }
}

/// The exit code after the reader of standard output has gone away: 128 and the number of SIGPIPE.
pub(crate) const CLOSED_PIPE: u8 = 141;

/// Codes, names and meanings of ends that come from outside, as shells number them.
const OTHERS: [(u8, &str, &str); 4] = [
    (129, "interrupted", "SIGHUP: the terminal was closed"),
    (130, "interrupted", "SIGINT: Ctrl-C"),
    (CLOSED_PIPE, "closed_pipe", "the reader of standard output closed it (`| head -1`); no message"),
    (143, "interrupted", "SIGTERM"),
];

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
        for (code, name, meaning) in OTHERS {
            let row = format!("| {code} | `{name}` | {meaning} |");
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
