//! Trust that the platform decides about, as a verifier of rustls, and the threads on which it may block.

use std::{fmt, future::Future, io, pin::Pin, sync::Arc, task};

use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::{runtime::Handle, sync::oneshot};
use tower_layer::Layer;
use tower_service::Service;

use crate::platform::{BoundedTrust, TrustError};

/// Why the platform's trust gave none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotTrusted(pub(super) TrustError);

/// Asks the platform for its trust. The name and the signatures of the handshake are checked here all the same: a
/// trust manager may judge the chain alone.
pub(super) struct ForeignVerifier {
    trust: BoundedTrust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ForeignVerifier {
    pub(super) const fn new(trust: BoundedTrust, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { trust, algorithms }
    }
}

impl ServerCertVerifier for ForeignVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        let chain =
            std::iter::once(end_entity).chain(intermediates).map(|one| one.as_ref().to_vec()).collect();
        match self.trust.verify(chain, &server_name.to_str()) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(CertificateError::Other(OtherError(Arc::new(NotTrusted(error)))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for ForeignVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignVerifier").finish_non_exhaustive()
    }
}

/// Makes connections on threads that may block. rustls verifies a certificate within the poll that reads it, so a
/// trust manager that asks the network would otherwise hold a thread that drives other requests, and the time-outs of
/// its own.
#[derive(Debug, Clone)]
pub(super) struct MayBlock;

/// A connector whose connections are made there.
#[derive(Debug, Clone)]
pub(super) struct Blocking<S>(S);

impl<S> Layer<S> for MayBlock {
    type Service = Blocking<S>;

    fn layer(&self, connector: S) -> Blocking<S> {
        Blocking(connector)
    }
}

impl<S, R> Service<R> for Blocking<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: From<io::Error> + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    /// A connection whose caller stops waiting is dropped, once the trust manager has answered.
    fn call(&mut self, to: R) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            let runtime = Handle::current();
            let (caller, caller_left) = oneshot::channel::<()>();
            let connection = tokio::task::spawn_blocking(move || {
                runtime.block_on(async {
                    tokio::select! {
                        connection = connecting => connection,
                        _ = caller_left => Err(io::Error::from(io::ErrorKind::Interrupted).into()),
                    }
                })
            });
            let connection = connection.await;
            drop(caller);
            connection.map_err(io::Error::from)?
        })
    }
}
