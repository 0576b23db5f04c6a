//! The trust that an app brings.

use std::{fmt, sync::Arc};

use moorline::{TrustError, TrustVerifier};

/// Decides whether a server is trusted. Implemented in Kotlin or Swift, and called on a thread of the SDK's own, where
/// it may block. Mirrors [`moorline::TrustVerifier`].
#[uniffi::export(rust, foreign)]
pub trait AppTrust: Send + Sync {
    /// Returns if this chain (in DER, the server's own certificate first) is trusted for this host. Every error means
    /// that it is not.
    fn verify(&self, chain_der: Vec<Vec<u8>>, host: String) -> Result<(), AppTrustError>;
}

/// Why a server is not trusted. Mirrors [`moorline::TrustError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AppTrustError {
    /// The platform does not trust the chain.
    #[error("refused: {reason}")]
    Refused {
        /// Why, for a developer.
        reason: String,
    },
    /// It could not be decided: a retry may succeed.
    #[error("failed: {reason}")]
    Failed {
        /// What happened.
        reason: String,
    },
}

/// An exception that the trait does not declare is no trust.
impl From<uniffi::UnexpectedUniFFICallbackError> for AppTrustError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: "the app's trust threw an unexpected exception".into() }
    }
}

impl From<AppTrustError> for TrustError {
    fn from(error: AppTrustError) -> Self {
        match error {
            AppTrustError::Refused { reason } => Self::Refused(reason),
            AppTrustError::Failed { reason } => Self::Failed(reason),
        }
    }
}

/// Adapts the app's trust to the SDK's trait.
pub(crate) struct ForeignTrust(pub(crate) Arc<dyn AppTrust>);

impl TrustVerifier for ForeignTrust {
    fn verify(&self, chain_der: &[Vec<u8>], host: &str) -> Result<(), TrustError> {
        Ok(self.0.verify(chain_der.to_vec(), host.into())?)
    }
}

impl fmt::Debug for ForeignTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignTrust")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trusts a chain of two for one host, and throws for an empty one.
    struct Two;

    impl AppTrust for Two {
        fn verify(&self, chain_der: Vec<Vec<u8>>, host: String) -> Result<(), AppTrustError> {
            match chain_der.len() {
                0 => Err(uniffi::UnexpectedUniFFICallbackError::new("thrown").into()),
                2 if host == "id.example" => Ok(()),
                length => Err(AppTrustError::Refused { reason: format!("{length} for {host}") }),
            }
        }
    }

    #[test]
    fn only_a_return_is_trust() {
        let trust = ForeignTrust(Arc::new(Two));
        let chain = [vec![1], vec![2]];
        assert_eq!(trust.verify(&chain, "id.example"), Ok(()));
        assert_eq!(
            trust.verify(&chain, "evil.example"),
            Err(TrustError::Refused("2 for evil.example".into()))
        );
        assert_eq!(
            trust.verify(&chain[..1], "id.example"),
            Err(TrustError::Refused("1 for id.example".into()))
        );
        assert!(matches!(trust.verify(&[], "id.example"), Err(TrustError::Failed(_))));
        let failed = AppTrustError::Failed { reason: "why".into() };
        assert_eq!(TrustError::from(failed), TrustError::Failed("why".into()));
    }
}
