//! Trust that the platform decides about.

use std::fmt::Debug;

use super::bounded::NoAnswer;

/// Decides whether a server is trusted, in the place of the roots that the SDK reads: with the platform's own trust
/// manager, so that an app's network security configuration and the user's decisions count. Pins come on top.
///
/// Its function may block, and ask the network (whether a certificate was revoked). The SDK calls it once for each new
/// connection, on a thread of its own, one call at a time, and waits as long as a connection may take. Only `Ok` is
/// trust: an error, a panic and a call that takes too long refuse the connection.
pub trait TrustVerifier: Send + Sync + Debug {
    /// Whether this chain is trusted for this host (a name, or an IP address). `chain_der` is what the server sent, as
    /// DER: its own certificate first, in the order in which the server sent the others. The SDK itself checks that
    /// the first certificate is for the host and that the server has its key.
    ///
    /// # Errors
    /// Any [`TrustError`]: then nothing is sent.
    fn verify(&self, chain_der: &[Vec<u8>], host: &str) -> Result<(), TrustError>;
}

/// Why a chain is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The platform does not trust it. The reason is for a developer.
    #[error("the platform does not trust the server's certificate: {0}")]
    Refused(String),
    /// It could not be decided. A retry may succeed.
    #[error("the platform's trust could not be asked: {0}")]
    Failed(String),
    /// There was no answer in time. A retry may succeed.
    #[error("the platform's trust did not answer in time")]
    TimedOut,
}

impl From<NoAnswer> for TrustError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::TimedOut => Self::TimedOut,
            NoAnswer::NoThread(why) => Self::Failed(why),
            NoAnswer::Panicked => Self::Failed("it panicked".into()),
        }
    }
}
