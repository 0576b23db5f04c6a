//! TLS as a client: which servers are trusted, such as a database.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use rustls_platform_verifier::BuilderVerifierExt as _;

/// TLS that verifies a server's certificate and its name: by the roots in the file `roots` (PEM) if there is one, and
/// by the system's otherwise.
///
/// # Errors
/// What is wrong with the file, or with the system's roots.
pub fn client_config(roots: Option<&Path>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match roots {
        Some(path) => builder.with_root_certificates(roots_of(path)?),
        None => builder.with_platform_verifier().map_err(|error| error.to_string())?,
    };
    Ok(builder.with_no_client_auth())
}

/// What to do about a connection that TLS refused, as the end of a sentence. `None` if TLS is not what failed, or no
/// more is known than the error says.
#[must_use]
pub fn advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let of_tls = |error: &(dyn Error + 'static)| match error.downcast_ref::<rustls::Error>() {
        Some(error) => Some(error.clone()),
        // What it wraps is not its source.
        None => error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref().cloned(),
    };
    let error = std::iter::successors(Some(error), |&error| error.source()).find_map(of_tls)?;
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            // Another authority of the same name has another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Some(
                "add sslrootcert=FILE to the URL, a PEM file with the certificate of the authority that issued it",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Some("write a name that the certificate is for into the URL, or issue one for this name")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Some("renew the server's certificate, or set the clock of this machine")
            }
            // webpki says it as text alone.
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                Some("issue a certificate for the server itself, with basicConstraints CA:FALSE")
            }
            _ => None,
        },
        rustls::Error::InvalidMessage(_) => Some("name the port on which the server speaks TLS"),
        _ => None,
    }
}

/// An error in one line, with [`advice`] if there is some.
#[must_use]
pub fn explained(error: &(dyn Error + 'static)) -> String {
    advice(error).map_or_else(|| error.to_string(), |advice| format!("{error}: {advice}"))
}

fn roots_of(path: &Path) -> Result<RootCertStore, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("sslrootcert {}: {error}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() { Err(wrong(&"there is no certificate in it")) } else { Ok(roots) }
}
