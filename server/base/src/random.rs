//! Randomness, as an argument.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The operating system's randomness. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Random(SystemRandom);

impl Random {
    /// Randomness fit for keys.
    #[must_use]
    pub fn system() -> Self {
        Self(SystemRandom::new())
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes).expect("the operating system always has random bytes");
        bytes
    }

    /// A new identifier: 128 random bits as base64url (22 characters).
    #[must_use]
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<16>())
    }

    /// A new secret of 256 random bits as base64url (43 characters).
    #[must_use]
    pub fn secret(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(URL_SAFE_NO_PAD.encode(zeroize::Zeroizing::new(self.bytes::<32>())))
    }
}
