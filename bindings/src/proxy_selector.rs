//! The proxy settings that an app reads.

use std::{fmt, sync::Arc};

use moorline::{ProxyAddress, ProxySelector, ProxySelectorError};

/// Chooses the proxy of each request. Implemented in Kotlin or Swift, and called on a thread of the SDK's own, where it
/// may block. Mirrors [`moorline::ProxySelector`].
#[uniffi::export(rust, foreign)]
pub trait AppProxySelector: Send + Sync {
    /// The address of the proxy for requests to this server (`https://HOST:PORT/`), such as
    /// `http://proxy.example.com:8080`; `None` to connect directly.
    fn select(&self, server: String) -> Result<Option<String>, AppProxySelectorError>;
}

/// Why no proxy was chosen. A retry may succeed. Mirrors [`moorline::ProxySelectorError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AppProxySelectorError {
    /// The settings could not be read.
    #[error("failed: {reason}")]
    Failed {
        /// What happened.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for AppProxySelectorError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: "the app's proxy selector threw an unexpected exception".into() }
    }
}

impl From<AppProxySelectorError> for ProxySelectorError {
    fn from(AppProxySelectorError::Failed { reason }: AppProxySelectorError) -> Self {
        Self::Failed(reason)
    }
}

/// Adapts the app's choice to the SDK's trait.
pub(crate) struct ForeignProxySelector(pub(crate) Arc<dyn AppProxySelector>);

impl ProxySelector for ForeignProxySelector {
    fn select(&self, server: &str) -> Result<Option<ProxyAddress>, ProxySelectorError> {
        Ok(self.0.select(server.into())?.map(ProxyAddress::new))
    }
}

impl fmt::Debug for ForeignProxySelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignProxySelector")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows one server, and throws for another.
    struct Settings;

    impl AppProxySelector for Settings {
        fn select(&self, server: String) -> Result<Option<String>, AppProxySelectorError> {
            match server.as_str() {
                "https://id.example/" => Ok(Some("http://ada:secret@proxy.example:8080".into())),
                "https://broken.example/" => Err(uniffi::UnexpectedUniFFICallbackError::new("thrown").into()),
                _ => Ok(None),
            }
        }
    }

    #[test]
    fn an_exception_is_no_direct_connection_and_a_password_is_not_shown() {
        let selector = ForeignProxySelector(Arc::new(Settings));
        let proxy = selector.select("https://id.example/").unwrap();
        assert_eq!(proxy, Some("http://ada:secret@proxy.example:8080".into()));
        assert!(!format!("{proxy:?}").contains("secret"));
        assert_eq!(selector.select("https://other.example/"), Ok(None));
        assert!(matches!(selector.select("https://broken.example/"), Err(ProxySelectorError::Failed(_))));
    }
}
