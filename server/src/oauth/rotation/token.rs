//! Refresh tokens: derived from the session's secret and a generation number, never stored.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

const PREFIX: &str = "mrt1_";
const LOCATOR: usize = 16;
const TAG: usize = 32;
const BYTES: usize = LOCATOR + 4 + TAG;

/// What a session's refresh tokens name it by: random, and neither its `sid` nor the key of its row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Locator([u8; LOCATOR]);

impl std::fmt::Debug for Locator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Locator([redacted])")
    }
}

impl Locator {
    /// The locator of these random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; LOCATOR]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; LOCATOR] {
        &self.0
    }
}

/// The secret S of a session: it makes the tags of all its refresh tokens, and erasing it ends the session for good.
pub struct SessionSecret(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionSecret([redacted])")
    }
}

impl SessionSecret {
    /// The secret of these random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, to be sealed.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The refresh token of a generation.
    #[must_use]
    pub fn refresh_token(&self, locator: Locator, generation: u32) -> RefreshToken {
        RefreshToken { locator, generation, tag: self.tag(&[b"mrt1", &locator.0, &generation.to_be_bytes()]) }
    }

    /// Whether this session made `token`, in constant time.
    #[must_use]
    pub fn made(&self, token: &RefreshToken) -> bool {
        use subtle::ConstantTimeEq as _;
        self.refresh_token(token.locator, token.generation).tag.ct_eq(&token.tag).into()
    }

    /// The `jti` of the access token that goes with a generation: a retry gives the very same token again.
    #[must_use]
    pub fn jti(&self, locator: Locator, generation: u32, scope: &str) -> String {
        let tag = self.tag(&[b"jti1", &locator.0, &generation.to_be_bytes(), scope.as_bytes()]);
        URL_SAFE_NO_PAD.encode(&tag[..16])
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; TAG] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &*self.0));
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
    }
}

/// A well-formed refresh token; whether it is authentic, only its session's secret can tell.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    locator: Locator,
    generation: u32,
    tag: [u8; TAG],
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken([redacted])")
    }
}

/// Not a refresh token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the refresh token is malformed")]
pub struct MalformedToken;

impl RefreshToken {
    /// Reads `mrt1_` and base64url(locator ‖ generation ‖ tag), without padding.
    ///
    /// # Errors
    /// [`MalformedToken`] for anything else.
    pub fn parse(text: &str) -> Result<Self, MalformedToken> {
        let encoded = text.strip_prefix(PREFIX).ok_or(MalformedToken)?;
        let mut bytes = [0; BYTES];
        // The decoder refuses what is longer, and trailing bits that are not zero: a token has one spelling.
        let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).map_err(|_| MalformedToken)?;
        if length != BYTES {
            return Err(MalformedToken);
        }
        let (locator, rest) = bytes.split_first_chunk().ok_or(MalformedToken)?;
        let (generation, tag) = rest.split_first_chunk().ok_or(MalformedToken)?;
        Ok(Self {
            locator: Locator(*locator),
            generation: u32::from_be_bytes(*generation),
            tag: tag.try_into().map_err(|_| MalformedToken)?,
        })
    }

    /// Which session it names.
    #[must_use]
    pub const fn locator(&self) -> Locator {
        self.locator
    }

    /// Which generation it claims to be.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// The token as it is sent: 75 characters.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + BYTES.div_ceil(3) * 4));
        text.push_str(PREFIX);
        let bytes = [&self.locator.0[..], &self.generation.to_be_bytes(), &self.tag].concat();
        URL_SAFE_NO_PAD.encode_string(Zeroizing::new(bytes), &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCATOR: Locator = Locator([9; 16]);

    fn secret() -> SessionSecret {
        SessionSecret::from_bytes([7; 32])
    }

    #[test]
    fn a_token_is_derived_and_read_back() {
        let text = secret().refresh_token(LOCATOR, 41).expose();
        assert_eq!(*text, *secret().refresh_token(LOCATOR, 41).expose());
        let token = RefreshToken::parse(&text).unwrap();
        assert_eq!((token.locator(), token.generation()), (LOCATOR, 41));
        assert!(secret().made(&token));
        assert!(!SessionSecret::from_bytes([8; 32]).made(&token));
        assert_eq!(format!("{token:?}"), "RefreshToken([redacted])");
    }

    #[test]
    fn a_tag_is_good_for_its_own_locator_and_generation_alone() {
        let token = secret().refresh_token(LOCATOR, 41);
        assert!(!secret().made(&RefreshToken { generation: 42, ..token.clone() }));
        assert!(!secret().made(&RefreshToken { locator: Locator([8; 16]), ..token }));
    }

    #[test]
    fn a_token_has_one_spelling() {
        let text = secret().refresh_token(LOCATOR, 1).expose();
        let text = text.as_str();
        assert_eq!(text.len(), 75);
        for wrong in [
            "",
            "mrt1_",
            &text[5..],
            &text[..74],
            &format!("{text}A"),
            &format!("{text}=="),
            &format!(" {text}"),
        ] {
            assert_eq!(RefreshToken::parse(wrong), Err(MalformedToken), "{wrong}");
        }
        // The last character carries two spare bits: only one of its four spellings is a token.
        let spellings = ('A'..='Z')
            .chain('a'..='z')
            .filter(|c| RefreshToken::parse(&format!("{}{c}", &text[..74])).is_ok());
        assert!(spellings.count() <= 16);
        for (index, _) in text.char_indices() {
            let mut changed = text.to_owned();
            changed.replace_range(index..=index, if &text[index..=index] == "A" { "B" } else { "A" });
            assert!(
                RefreshToken::parse(&changed).is_ok_and(|token| secret().made(&token)) == (changed == text)
            );
        }
    }
}
