//! Browsers with which users have signed in before: each has tries of its own, which nobody else can use up.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::cookies::{Cookie, KNOWN_FOR, MOST_USERS};
use super::users::User;
use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::Issuer;
use moorline_server_base::random::Random;
use moorline_server_keys::Keys;

/// A browser with which one user has signed in: a random id, when that was, and a tag that binds both to the user. It
/// lets nobody in.
#[derive(Clone, PartialEq, Eq)]
pub struct Device(Zeroizing<[u8; 32]>);

impl Device {
    fn sign(keys: &Keys, id: [u8; 8], since: Timestamp, user_id: &str) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        bytes[..8].copy_from_slice(&id);
        bytes[8..16].copy_from_slice(&since.millis().to_be_bytes());
        let tag = Self::tag(keys, &bytes, user_id);
        bytes[16..].copy_from_slice(&tag);
        Self(bytes)
    }

    fn tag(keys: &Keys, bytes: &[u8; 32], user_id: &str) -> [u8; 16] {
        let message = [b"device ", &bytes[..16], user_id.as_bytes()].concat();
        *keys.sign_in_tag(&message).first_chunk().expect("a tag has 32 bytes")
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// What its tries are counted by. It stays when the user signs in again.
    pub(super) fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0[..8])
    }

    fn since(&self) -> Timestamp {
        let millis = self.0[8..16].first_chunk().expect("8 bytes");
        Timestamp::from_millis(i64::from_be_bytes(*millis))
    }

    fn is_of(&self, keys: &Keys, user_id: &str) -> bool {
        Self::tag(keys, &self.0, user_id).ct_eq(&self.0[16..]).into()
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Device([redacted])")
    }
}

/// What a browser is known by: an entry for each of its users, the last one first.
#[derive(Clone, Debug, Default)]
pub struct Devices(Vec<Device>);

impl Devices {
    /// What the browser sent.
    pub fn read(issuer: &Issuer, headers: &HeaderMap) -> Self {
        let cookie = Cookie::Devices.read(issuer, headers);
        Self(cookie.iter().flat_map(|value| value.split('.')).filter_map(Device::parse).collect())
    }

    /// The browser as this user knows it; `None` if they have not signed in with it, or not since an operator ended all
    /// of their sessions.
    pub fn of(&self, keys: &Keys, user: Option<&User>, now: Timestamp) -> Option<&Device> {
        // Entries are checked for a name that nobody has, too: it takes as long.
        let (id, from) = user.map_or(("", Timestamp::from_millis(0)), |user| (&user.id, user.devices_from));
        let device = self.0.iter().find(|device| device.is_of(keys, id))?;
        let is_alive = device.since() >= from && now < device.since().after(KNOWN_FOR);
        Some(device).filter(|_| is_alive && user.is_some())
    }

    /// The cookie's value once this user has signed in with the browser.
    pub fn with(&self, keys: &Keys, random: &Random, user: &User, now: Timestamp) -> Zeroizing<String> {
        let id = self.of(keys, Some(user), now).and_then(|known| known.0.first_chunk().copied());
        let device = Device::sign(keys, id.unwrap_or_else(|| random.bytes()), now, &user.id);
        let others = self.0.iter().filter(|other| !other.is_of(keys, &user.id));
        let entries: Vec<_> = std::iter::once(&device)
            .chain(others)
            .take(MOST_USERS)
            .map(|device| URL_SAFE_NO_PAD.encode(device.0.as_slice()))
            .collect();
        Zeroizing::new(entries.join("."))
    }
}
