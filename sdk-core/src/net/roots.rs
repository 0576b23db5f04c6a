//! The platform's trust, plus the roots that the configuration names.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;

/// The platform's own verifier (its store on Linux, Security.framework on Apple's systems, CryptoAPI on Windows).
/// Fails where there is no root to trust at all.
#[cfg(not(target_os = "android"))]
pub(super) fn platform_verifier(
    extra_roots: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    let roots = extra_roots.iter().cloned();
    Ok(Arc::new(rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider)?))
}

/// On Android the platform's verifier is Java's, and rustls-platform-verifier panics unless the app has handed it a
/// JNI environment first. A library can't rely on that, so the system's authorities are read from the folders where
/// Android keeps them, and webpki verifies. Authorities that the user has switched off are left out; those that
/// the user has added aren't read, as Android's own default for apps is (since 7.0). What is lost against the Java
/// verifier is revocation, and the app's `network_security_config`: name extra roots in the configuration, or bring
/// the Java verifier by [`with_trust`](crate::Platform::with_trust).
#[cfg(target_os = "android")]
pub(super) fn platform_verifier(
    extra_roots: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    let mut store = rustls::RootCertStore::empty();
    for root in extra_roots {
        store.add(root.clone())?;
    }
    let removed = folders::android_removed(rustix::process::getuid().as_raw());
    let system = folders::ANDROID
        .iter()
        .map(|folder| folders::certificates(folder.as_ref(), &removed))
        .find(|certificates| !certificates.is_empty())
        .unwrap_or_default();
    store.add_parsable_certificates(system);
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(verifier)
}

#[cfg(any(target_os = "android", test))]
mod folders {
    //! Folders of one certificate a file, named by a hash, as Android has them.

    use std::path::{Path, PathBuf};

    use rustls_pki_types::{CertificateDer, pem::PemObject as _};

    /// Where the authorities are: in the updatable module since Android 14, in the system's image before.
    #[cfg(target_os = "android")]
    pub(super) const ANDROID: [&str; 2] =
        ["/apex/com.android.conscrypt/cacerts", "/system/etc/security/cacerts"];

    /// The folder whose files name the authorities that the user has switched off. Each user of the device has a
    /// folder, and so has a work profile; Android counts its users by the hundred thousand in the `uid` of an app.
    pub(super) fn android_removed(uid: u32) -> PathBuf {
        Path::new("/data/misc/user").join((uid / 100_000).to_string()).join("cacerts-removed")
    }

    /// The certificates in `folder`, without those that have a file of the same name in `removed`. What can't be read
    /// is skipped: it trusts less, never more.
    pub(super) fn certificates(folder: &Path, removed: &Path) -> Vec<CertificateDer<'static>> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        entries
            .flatten()
            .filter(|entry| !removed.join(entry.file_name()).exists())
            .filter_map(|entry| std::fs::read(entry.path()).ok())
            .flat_map(|text| CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn each_user_of_an_android_device_switches_off_roots_of_their_own() {
        assert_eq!(android_removed(10_123), Path::new("/data/misc/user/0/cacerts-removed"));
        assert_eq!(android_removed(1_010_123), Path::new("/data/misc/user/10/cacerts-removed"));
    }

    #[test]
    fn android_folders_are_read_without_what_was_switched_off() {
        let home = tempfile::tempdir().unwrap();
        let (folder, removed) = (home.path().join("cacerts"), home.path().join("removed"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::create_dir(&removed).unwrap();
        let pem = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            rcgen::CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap().pem()
        };
        std::fs::write(folder.join("00000001.0"), pem("kept.example") + "Certificate:\n    Data: …\n")
            .unwrap();
        std::fs::write(folder.join("00000002.0"), pem("off.example")).unwrap();
        std::fs::write(folder.join("00000003.0"), "no certificate").unwrap();
        std::fs::write(removed.join("00000002.0"), "").unwrap();
        assert_eq!(certificates(&folder, &removed).len(), 1);
        assert_eq!(certificates(&home.path().join("absent"), &removed).len(), 0);
    }
}
