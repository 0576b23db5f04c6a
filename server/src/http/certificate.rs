//! What clients would refuse about a certificate that the server itself can use.

use std::path::Path;

use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::Issuer;

/// What clients refuse about the chain in `file` (PEM), with what to do; empty if it is fit for `issuer` at `now`, or
/// can't be read, which a start reports. Whether they trust its authority is not known here.
pub fn certificate_problems(file: &Path, issuer: &Issuer, now: Timestamp) -> Vec<String> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(file).into_iter().flatten().map_while(Result::ok).collect();
    let mut problems: Vec<String> = chain
        .iter()
        .zip(1..)
        .filter_map(|(certificate, number)| {
            let problem = untimely(certificate, now)?;
            Some(format!("{}: certificate {number} {problem}", file.display()))
        })
        .collect();
    if chain.first().is_some_and(|leaf| !is_for(leaf, host(issuer))) {
        problems.push(format!(
            "{}: the certificate does not name the issuer's host {}: get one that does, or set `issuer` right",
            file.display(),
            host(issuer)
        ));
    }
    problems
}

fn untimely(certificate: &[u8], now: Timestamp) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let (validity, now) = (certificate.validity(), ASN1Time::from_timestamp(now.seconds()).ok()?);
    if now > validity.not_after {
        return Some(format!("expired at {}: renew it", validity.not_after));
    }
    if now < validity.not_before {
        return Some(format!("is not valid before {}: is this machine's clock right?", validity.not_before));
    }
    None
}

/// Whether the certificate is good for this name or address, as clients compare it.
pub(crate) fn is_for(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let (name, parsed) = (ServerName::try_from(host), ParsedCertificate::try_from(certificate));
    matches!((name, parsed), (Ok(name), Ok(parsed)) if verify_server_name(&parsed, &name).is_ok())
}

/// When a DER certificate ends, in Unix seconds; `None` if it is not a certificate.
pub(crate) fn not_after(certificate: &[u8]) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

/// An IPv6 address is without the URL's brackets.
fn host(issuer: &Issuer) -> &str {
    issuer.url().host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    const IN_2026: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    /// The problems of a certificate for these names that is valid in these years.
    fn problems(names: &[&str], years: (i32, i32), issuer: &str) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("certificate.pem");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        std::fs::write(&file, certificate.pem()).unwrap();
        certificate_problems(&file, &issuer.parse().unwrap(), IN_2026)
    }

    #[test]
    fn a_certificate_for_the_issuers_host_that_is_valid_now_has_no_problem() {
        for (name, issuer) in [
            ("id.example.com", "https://id.example.com:8443"),
            ("*.example.com", "https://id.example.com"),
            ("192.0.2.1", "https://192.0.2.1"),
            ("2001:db8::1", "https://[2001:db8::1]:8443"),
        ] {
            assert!(problems(&[name], (2025, 2027), issuer).is_empty(), "{name}");
        }
    }

    #[test]
    fn an_expired_an_early_and_a_foreign_certificate_are_each_named() {
        let own = (&["id.example.com"][..], "https://id.example.com");
        for (names, years, said) in [
            (own.0, (2024, 2026), "certificate 1 expired at "),
            (own.0, (2027, 2028), "certificate 1 is not valid before "),
            (&["www.example.com"], (2025, 2027), "does not name the issuer's host id.example.com"),
        ] {
            let found = problems(names, years, own.1);
            assert!(found.len() == 1 && found[0].contains(said), "{found:?}");
        }
        assert_eq!(problems(&["www.example.com"], (2024, 2026), own.1).len(), 2);
    }

    #[test]
    fn a_file_without_a_certificate_is_reported_by_the_start_alone() {
        let missing = Path::new("no/such/file");
        assert!(certificate_problems(missing, &"https://a.example".parse().unwrap(), IN_2026).is_empty());
    }
}
