//! What makes sure that a refresh token is sent only once, as far as the provider can tell.

use crate::vault::{Lease, SentBefore};

/// What makes sure that a token is sent only once, as far as the provider can tell.
#[derive(Debug)]
pub(super) enum Guard {
    /// The provider recognizes a retry by its attempt.
    Attempt,
    /// No other process sends. The heir of a process that died, or was suspended, after it sent the token sends once.
    Lease { lease: Lease, sent_before: SentBefore },
}

impl Guard {
    /// Whether the lease is still held, if one is needed.
    pub(super) fn may_send(&self) -> bool {
        match self {
            Self::Attempt => true,
            Self::Lease { lease, .. } => !lease.is_suspended(),
        }
    }

    pub(super) fn may_send_again(&self) -> bool {
        match self {
            Self::Attempt => true,
            Self::Lease { sent_before, .. } => *sent_before == SentBefore::No && self.may_send(),
        }
    }

    /// Whether no other process can be about to succeed with the same token. There are file systems without locks, and a
    /// process that was suspended may still get its answer.
    pub(super) fn is_exclusive(&self) -> bool {
        match self {
            Self::Attempt => true,
            Self::Lease { lease, sent_before } => {
                lease.is_exclusive() && *sent_before != SentBefore::Suspended
            }
        }
    }
}
