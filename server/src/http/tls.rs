//! TLS: rustls with aws-lc-rs, X25519MLKEM768 first, TLS 1.2 and 1.3. A renewed certificate is taken over without a
//! restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use moorline_server_base::config::{self, unreadable};
use moorline_server_base::digest::sha256;

/// The certificate or the key can't be used. No message holds any of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{}", unreadable(.0, .1))]
    Unreadable(PathBuf, io::Error),
    /// The file holds no PEM certificate.
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// The file holds no PEM key.
    #[error("{} holds no private key in PEM form", .0.display())]
    NoKey(PathBuf),
    /// The two don't belong together, or the key is of a kind that we can't use.
    #[error("the certificate and the private key can't be used together: {0}")]
    Unusable(rustls::Error),
}

/// Certificate and key as they were last read. A clone is the same.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: config::Tls,
    /// Somebody asked for the files to be read again.
    asked: Notify,
    loaded: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    /// The SHA-256 of the two files that it is made of.
    digest: [u8; 32],
    /// Why the files that are there now can't be used, and how often in a row they could not.
    failure: Option<(String, u32)>,
}

impl Tls {
    /// Reads the certificate chain and the key (PEM), and makes the server's TLS configuration of them.
    ///
    /// # Errors
    /// [`TlsError`] names the file that is at fault.
    pub fn load(files: &config::Tls) -> Result<Self, TlsError> {
        let pair = Pair::read(files)?;
        let loaded = Loaded { config: pair.config(files)?, digest: pair.digest(), failure: None };
        let (files, loaded) = (files.clone(), Mutex::new(loaded));
        Ok(Self(Arc::new(Inner { files, asked: Notify::new(), loaded })))
    }

    /// Reads the files again soon, and logs what comes of it: for SIGHUP.
    pub fn reload(&self) {
        self.0.asked.notify_one();
    }

    /// What a new connection is accepted with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded().config)
    }

    /// Reads the files every few seconds and takes over what is new. Whole contents are compared: that holds for
    /// renamed files and swapped symbolic links (certbot, Kubernetes), and for times that somebody set.
    pub(crate) async fn follow(self) {
        loop {
            let asked = tokio::time::timeout(PERIOD, self.0.asked.notified()).await.is_ok();
            let tls = self.clone();
            // The files may be on another machine's disk.
            if tokio::task::spawn_blocking(move || tls.check(asked)).await.is_err() {
                tracing::error!("the check of the certificate's files ended early");
            }
        }
    }

    fn check(&self, asked: bool) {
        let files = &self.0.files;
        let pair = Pair::read(files);
        let is_loaded = pair.as_ref().is_ok_and(|pair| pair.digest() == self.loaded().digest);
        if is_loaded && !asked {
            self.loaded().failure = None;
            return;
        }
        let fresh = pair.and_then(|pair| Ok((pair.config(files)?, pair.digest())));
        let mut loaded = self.loaded();
        match fresh {
            Ok((config, digest)) => {
                *loaded = Loaded { config, digest, failure: None };
                tracing::info!(file = %files.certificate_file.display(), "the certificate was loaded again");
            }
            Err(error) => {
                let error = error.to_string();
                let before = loaded.failure.take().filter(|(before, _)| *before == error);
                let mut times = before.map_or(1, |(_, times)| times.saturating_add(1));
                if asked {
                    times = times.max(REPORTED);
                }
                if asked || times == REPORTED {
                    tracing::error!(
                        error,
                        "the new certificate can't be used: the one before it stays in use"
                    );
                }
                loaded.failure = Some((error, times));
            }
        }
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The contents of the two files.
struct Pair {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Pair {
    fn read(files: &config::Tls) -> Result<Self, TlsError> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|error| TlsError::Unreadable(path.into(), error));
        let key = read(&files.private_key_file).map(Zeroizing::new)?;
        Ok(Self { certificate: read(&files.certificate_file)?, key })
    }

    fn digest(&self) -> [u8; 32] {
        sha256(&[sha256(&self.certificate), sha256(&self.key)].concat())
    }

    fn config(&self, files: &config::Tls) -> Result<Arc<ServerConfig>, TlsError> {
        let no_certificate = || TlsError::NoCertificate(files.certificate_file.clone());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| no_certificate())?;
        if chain.is_empty() {
            return Err(no_certificate());
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| TlsError::NoKey(files.private_key_file.clone()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(TlsError::Unusable)?;
        // Resumption without a table of sessions; the ticket keys live in this process and change every few hours.
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(TlsError::Unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// How often the files are read: a renewed certificate has weeks.
const PERIOD: Duration = Duration::from_secs(5);

/// A failure is reported when it comes a second time: of two files that are replaced, one is new before the other.
const REPORTED: u32 = 2;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Files {
        _folder: tempfile::TempDir,
        config: config::Tls,
    }

    impl Files {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let [certificate_file, private_key_file] =
                ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
            let files = Self { _folder: folder, config: config::Tls { certificate_file, private_key_file } };
            files.renew();
            files
        }

        fn renew(&self) -> String {
            let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            fs::write(&self.config.certificate_file, own.cert.pem()).unwrap();
            fs::write(&self.config.private_key_file, own.signing_key.serialize_pem()).unwrap();
            own.signing_key.serialize_pem()
        }
    }

    fn failures(tls: &Tls) -> u32 {
        tls.loaded().failure.as_ref().map_or(0, |(_, times)| *times)
    }

    #[test]
    fn renewed_files_are_taken_over_and_unchanged_ones_are_left_alone() {
        let files = Files::new();
        let tls = Tls::load(&files.config).unwrap();
        let first = tls.config();
        tls.check(false);
        assert!(Arc::ptr_eq(&first, &tls.config()));
        files.renew();
        tls.check(false);
        assert!(!Arc::ptr_eq(&first, &tls.config()));
    }

    #[test]
    fn files_that_do_not_match_leave_the_certificate_before_them_in_use() {
        let files = Files::new();
        let tls = Tls::load(&files.config).unwrap();
        let (first, certificate) = (tls.config(), fs::read(&files.config.certificate_file).unwrap());
        files.renew();
        let renewed = fs::read(&files.config.certificate_file).unwrap();
        for wrong in [certificate.as_slice(), b"", b"no certificate"] {
            fs::write(&files.config.certificate_file, wrong).unwrap();
            tls.check(false);
            tls.check(true);
            assert!(failures(&tls) >= REPORTED && Arc::ptr_eq(&first, &tls.config()));
        }
        fs::remove_file(&files.config.certificate_file).unwrap();
        tls.check(false);
        assert!(Arc::ptr_eq(&first, &tls.config()));
        fs::write(&files.config.certificate_file, renewed).unwrap();
        tls.check(false);
        assert!(failures(&tls) == 0 && !Arc::ptr_eq(&first, &tls.config()));
    }

    #[test]
    fn a_failure_counts_up_while_it_stays_and_is_gone_with_its_cause() {
        let files = Files::new();
        let tls = Tls::load(&files.config).unwrap();
        let key = fs::read(&files.config.private_key_file).unwrap();
        fs::write(&files.config.private_key_file, "no key").unwrap();
        for times in 1..4 {
            tls.check(false);
            assert_eq!(failures(&tls), times);
        }
        fs::write(&files.config.private_key_file, key).unwrap();
        tls.check(false);
        assert_eq!(failures(&tls), 0);
    }

    #[test]
    fn no_key_is_in_what_debug_prints() {
        let files = Files::new();
        let key = files.renew();
        let printed = format!("{:?}", Tls::load(&files.config).unwrap());
        assert!(key.lines().filter(|line| line.len() > 20).all(|line| !printed.contains(line)));
    }
}
