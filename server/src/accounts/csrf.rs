//! Form tokens: a form counts only if it was served to the browser that sends it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use moorline_server_keys::Keys;

/// The token of the forms served to the browser that holds this secret: a cookie, or a cookie and a user's id. The
/// cookie's value is 256 random bits that no script and no other site can read, and the key never leaves the server:
/// nobody else can compute this.
pub fn token(keys: &Keys, secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(keys.form_tag(secret.as_bytes()))
}

/// Whether `presented` is [`token`] of that secret, by any of the master keys; compared in constant time.
pub fn matches(keys: &Keys, secret: &str, presented: &str) -> bool {
    URL_SAFE_NO_PAD.decode(presented).is_ok_and(|presented| keys.is_form_tag(secret.as_bytes(), &presented))
}
