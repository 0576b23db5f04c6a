//! The development CA and the leaf that it signs.
//!
//! Keys are made once and kept: a renewed certificate has the same pins.

use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};

use super::directory::Directory;
use crate::http::{is_for, not_after};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::config;

/// The certificates of a development folder.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The CA's certificate file, which clients are given to trust.
    pub ca_file: PathBuf,
    /// The same, as text.
    pub ca_pem: String,
    /// What the server sends: leaf, then CA.
    pub chain_file: PathBuf,
    /// The leaf's key.
    pub key_file: PathBuf,
    /// The pin of the leaf's key.
    pub leaf_pin: String,
    /// The pin of the CA's key: the backup.
    pub ca_pin: String,
    /// When the leaf ends.
    pub expires_at: Timestamp,
}

/// The certificates can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file holds something else. Removing it makes a new one.
    #[error("{} is damaged: remove it, and a new one is made", .0.display())]
    Damaged(PathBuf),
    /// The library refused.
    #[error("a certificate can't be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// The names and addresses that every development server is reached by; 10.0.2.2 is the Android emulator's host.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "10.0.2.2"];
const CA_LIFETIME: Duration = Duration::days(3650);
const CA_RENEWAL: Duration = Duration::days(400);
/// Apple's systems refuse a server certificate that is good for longer than 398 days.
const LEAF_LIFETIME: Duration = Duration::days(397);
const LEAF_RENEWAL: Duration = Duration::days(30);

impl Certificates {
    /// The certificates of this folder: made when absent, renewed when near their end, or when the leaf does not name
    /// `host`, the issuer's. A renewed leaf has the same pin.
    ///
    /// # Errors
    /// [`CertificateError`] names the file that is at fault.
    pub fn prepare(folder: &Directory, host: &str, now: Timestamp) -> Result<Self, CertificateError> {
        let now =
            OffsetDateTime::from_unix_timestamp(now.seconds()).expect("the clock is within time's range");
        let ca_key = key(folder, "ca-key.pem")?;
        let leaf_key = key(folder, "leaf-key.pem")?;
        let (ca_pin, leaf_pin) = (pin(&ca_key), pin(&leaf_key));
        let ca_params = ca_params(&ca_key, now);
        let ca_file = folder.path("ca.pem");
        if !is_fresh(&ca_file, &ca_key, now + CA_RENEWAL) {
            let ca = ca_params.self_signed(&ca_key)?;
            write(folder, "ca.pem", &ca.pem())?;
        }
        let ca_pem = read(&ca_file)?;
        let chain_file = folder.path("leaf.pem");
        let by_this_ca = || read(&chain_file).is_ok_and(|chain| chain.ends_with(&ca_pem));
        if !is_fresh(&chain_file, &leaf_key, now + LEAF_RENEWAL) || !by_this_ca() || !names(&chain_file, host)
        {
            let leaf =
                leaf_params(host, now)?.signed_by(&leaf_key, &Issuer::from_params(&ca_params, &ca_key))?;
            write(folder, "leaf.pem", &format!("{}{ca_pem}", leaf.pem()))?;
        }
        let expires = end(&chain_file).ok_or_else(|| CertificateError::Damaged(chain_file.clone()))?;
        Ok(Self {
            ca_file,
            ca_pem,
            chain_file,
            key_file: folder.path("leaf-key.pem"),
            leaf_pin,
            ca_pin,
            expires_at: Timestamp::from_millis(expires * 1000),
        })
    }

    /// The files that the server shows.
    pub(super) fn tls(&self) -> config::Tls {
        config::Tls { certificate_file: self.chain_file.clone(), private_key_file: self.key_file.clone() }
    }
}

/// The SPKI pin of a key: `sha256/` and base64 of the SHA-256 of its SubjectPublicKeyInfo (RFC 7469 §2.4).
fn pin(key: &KeyPair) -> String {
    format!("sha256/{}", STANDARD.encode(digest(&SHA256, &key.subject_public_key_info())))
}

fn ca_params(key: &KeyPair, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    // Two folders have two CAs; a name of its own keeps them apart in a trust store.
    let digest = digest(&SHA256, &key.subject_public_key_info());
    let mark: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = named(&format!("Moorline development CA {mark}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - Duration::hours(1);
    params.not_after = now + CA_LIFETIME;
    params
}

fn leaf_params(host: &str, now: OffsetDateTime) -> Result<CertificateParams, CertificateError> {
    let other = Some(host).filter(|host| !NAMES.contains(host));
    let names: Vec<String> = NAMES.into_iter().chain(other).map(str::to_owned).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("Moorline development server");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - Duration::hours(1);
    params.not_after = now + LEAF_LIFETIME;
    Ok(params)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn key(folder: &Directory, name: &str) -> Result<KeyPair, CertificateError> {
    let path = folder.path(name);
    if path.exists() {
        return KeyPair::from_pem(&read(&path)?).map_err(|_| CertificateError::Damaged(path));
    }
    let key = KeyPair::generate()?;
    write(folder, name, &key.serialize_pem())?;
    Ok(key)
}

/// Whether the first certificate of the file is this key's and good beyond `until`.
fn is_fresh(path: &Path, key: &KeyPair, until: OffsetDateTime) -> bool {
    first(path).is_some_and(|certificate| {
        holds(&certificate, key) && not_after(&certificate).is_some_and(|end| end > until.unix_timestamp())
    })
}

/// Whether the certificate is this key's: it contains its SubjectPublicKeyInfo as it is.
fn holds(certificate: &CertificateDer<'_>, key: &KeyPair) -> bool {
    let info = key.subject_public_key_info();
    certificate.windows(info.len()).any(|window| window == info)
}

/// Whether the first certificate of the file is good for this name or address.
fn names(path: &Path, host: &str) -> bool {
    first(path).is_some_and(|certificate| is_for(&certificate, host))
}

fn end(path: &Path) -> Option<i64> {
    not_after(&first(path)?)
}

fn first(path: &Path) -> Option<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(&std::fs::read(path).ok()?).ok()
}

fn read(path: &Path) -> Result<String, CertificateError> {
    std::fs::read_to_string(path).map_err(|error| CertificateError::File { path: path.into(), error })
}

fn write(folder: &Directory, name: &str, content: &str) -> Result<(), CertificateError> {
    folder
        .write(name, content.as_bytes())
        .map_err(|error| CertificateError::File { path: folder.path(name), error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Tls;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

    fn folder() -> (tempfile::TempDir, Directory) {
        let temp = tempfile::tempdir().unwrap();
        let folder = Directory::open(&temp.path().join("dev")).unwrap();
        (temp, folder)
    }

    #[test]
    fn certificates_are_made_once() {
        let (_temp, folder) = folder();
        let first = Certificates::prepare(&folder, "localhost", NOW).unwrap();
        let leaf = std::fs::read(&first.chain_file).unwrap();
        let again = Certificates::prepare(&folder, "localhost", NOW.after(100 * DAY)).unwrap();
        assert_eq!(again.ca_pem, first.ca_pem);
        assert_eq!(std::fs::read(&again.chain_file).unwrap(), leaf);
        assert_ne!(first.leaf_pin, first.ca_pin);
        Tls::load(&first.tls()).unwrap();
    }

    #[test]
    fn the_leaf_names_every_address_of_this_machine_and_the_issuers_host() {
        let (_temp, folder) = folder();
        let first = Certificates::prepare(&folder, "localhost", NOW).unwrap();
        for host in ["192.168.1.20", "fd00::20", "mac.local"] {
            assert!(!names(&first.chain_file, host), "{host}");
            let named = Certificates::prepare(&folder, host, NOW).unwrap();
            assert!(NAMES.iter().chain([&host]).all(|name| names(&named.chain_file, name)), "{host}");
            assert_eq!((&named.leaf_pin, &named.ca_pem), (&first.leaf_pin, &first.ca_pem));
            let leaf = read(&named.chain_file).unwrap();
            for known in [host, "localhost"] {
                let again = Certificates::prepare(&folder, known, NOW).unwrap();
                assert_eq!(read(&again.chain_file).unwrap(), leaf, "{known}");
            }
        }
    }

    #[test]
    fn a_leaf_near_its_end_is_renewed_with_the_same_pins_and_the_same_ca() {
        let (_temp, folder) = folder();
        let first = Certificates::prepare(&folder, "localhost", NOW).unwrap();
        let later = NOW.after(370 * DAY);
        let renewed = Certificates::prepare(&folder, "localhost", later).unwrap();
        assert_eq!((&renewed.leaf_pin, &renewed.ca_pin), (&first.leaf_pin, &first.ca_pin));
        assert_eq!(renewed.ca_pem, first.ca_pem);
        assert_eq!(renewed.expires_at, later.after(397 * DAY));
    }

    #[test]
    fn a_ca_near_its_end_is_renewed_and_signs_a_new_leaf() {
        let (_temp, folder) = folder();
        let first = Certificates::prepare(&folder, "localhost", NOW).unwrap();
        let renewed = Certificates::prepare(&folder, "localhost", NOW.after(3300 * DAY)).unwrap();
        assert_ne!(renewed.ca_pem, first.ca_pem);
        assert_eq!(renewed.ca_pin, first.ca_pin);
    }

    #[test]
    fn a_key_that_was_removed_is_made_anew_with_its_certificate() {
        let (_temp, folder) = folder();
        let mut before = Certificates::prepare(&folder, "localhost", NOW).unwrap();
        for name in ["ca-key.pem", "leaf-key.pem"] {
            std::fs::remove_file(folder.path(name)).unwrap();
            let now = Certificates::prepare(&folder, "localhost", NOW).unwrap();
            Tls::load(&now.tls()).unwrap();
            assert_ne!((&now.ca_pin, &now.leaf_pin), (&before.ca_pin, &before.leaf_pin), "{name}");
            let ca = CertificateDer::from_pem_slice(now.ca_pem.as_bytes()).unwrap();
            assert!(holds(&ca, &KeyPair::from_pem(&read(&folder.path("ca-key.pem")).unwrap()).unwrap()));
            assert!(read(&now.chain_file).unwrap().ends_with(&now.ca_pem));
            before = now;
        }
    }

    #[test]
    fn a_damaged_key_is_named() {
        let (_temp, folder) = folder();
        Certificates::prepare(&folder, "localhost", NOW).unwrap();
        folder.write("leaf-key.pem", b"rubbish").unwrap();
        let message = Certificates::prepare(&folder, "localhost", NOW).unwrap_err().to_string();
        assert!(message.contains("leaf-key.pem is damaged"), "{message}");
    }
}
