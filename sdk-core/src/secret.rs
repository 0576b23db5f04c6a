//! Text that must not be shown, and how to keep it out of other text.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A token, a code, a verifier or an attempt key. `Debug` never shows it, comparison takes constant time, and it is
/// wiped when dropped.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }

    /// 256 random bits, in base64url.
    pub(crate) fn random() -> Self {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        Self(URL_SAFE_NO_PAD.encode(Zeroizing::new(crate::crypto::random::<32>())))
    }

    /// The text, for the wire and the vault only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        crate::crypto::constant_time_eq(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Makes text of a provider's fit to be shown: short, printable, and without anything in `secrets` or anything that
/// looks like a JWT (the provider may have echoed a proof).
pub(crate) fn redact(text: &str, secrets: &[&Secret]) -> String {
    // Control characters first: a secret with one in it would otherwise be shown whole.
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let words = text.split(' ').map(|word| if word.contains("eyJ") { "[redacted]" } else { word });
    let mut text = words.collect::<Vec<_>>().join(" ");
    for secret in secrets {
        if !secret.expose().is_empty() {
            text = text.replace(secret.expose(), "[redacted]");
        }
    }
    text.chars().take(300).collect()
}
