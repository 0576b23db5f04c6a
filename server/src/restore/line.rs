//! One end of a session as a line of the revocation log, with a tag that detects a change.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use moorline_server_base::clock::Timestamp;
use moorline_server_base::config::MasterKeys;

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// From 1, without gaps, in the order of the commits.
    pub(super) seq: i64,
    /// The `sid`.
    pub(super) session_id: String,
    /// As in `sessions.revoked_why`.
    pub(super) why: String,
    pub(super) at: Timestamp,
}

/// What the file's first line begins with, and the version of its form.
const HEADER: &str = "moorline-session-ends 1";

/// Makes and checks the tags of lines: only this server's master keys do.
pub(super) struct Seal(Vec<hmac::Key>);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal([redacted])")
    }
}

impl Seal {
    pub(super) fn new(masters: &MasterKeys) -> Self {
        let derived =
            masters.all().map(|master| moorline_server_keys::derive(master, b"moorline session ends v1"));
        Self(derived.map(|key| hmac::Key::new(hmac::HMAC_SHA256, &*key)).collect())
    }

    /// The first line of the file of this database.
    pub(super) fn header(&self, instance: &str) -> String {
        self.close(instance, format!("{HEADER} {instance}"))
    }

    pub(super) fn line(&self, instance: &str, end: &End) -> String {
        let text = format!("{} {} {} {}", end.seq, end.at.millis(), end.why, end.session_id);
        self.close(instance, text)
    }

    /// The database that a first line names, whether its tag is good or not.
    pub(super) fn named_by(line: &str) -> Option<&str> {
        line.strip_prefix(HEADER)?.strip_prefix(' ')?.rsplit_once(' ').map(|(instance, _)| instance)
    }

    pub(super) fn read_line(&self, instance: &str, line: &str) -> Option<End> {
        if !self.opens(instance, line) {
            return None;
        }
        let mut parts = line.split(' ');
        let seq = parts.next()?.parse().ok()?;
        let at = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let why = parts.next()?.to_owned();
        let session_id = parts.next()?.to_owned();
        Some(End { seq, session_id, why, at })
    }

    fn close(&self, instance: &str, text: String) -> String {
        let tag = tag(&self.0[0], instance, &text);
        text + " " + &tag + "\n"
    }

    /// Whether the tag at the end of a line is the one that it should have.
    pub(super) fn opens(&self, instance: &str, line: &str) -> bool {
        self.opened_by(instance, line).is_some()
    }

    /// Whether the current master key made the tag.
    pub(super) fn is_current(&self, instance: &str, line: &str) -> bool {
        self.opened_by(instance, line) == Some(0)
    }

    fn opened_by(&self, instance: &str, line: &str) -> Option<usize> {
        let (text, found) = line.rsplit_once(' ')?;
        self.0.iter().position(|key| tag(key, instance, text).as_bytes().ct_eq(found.as_bytes()).into())
    }
}

/// 96 bits: nobody can try tags out here, and a line is shorter.
fn tag(key: &hmac::Key, instance: &str, text: &str) -> String {
    let mut message = hmac::Context::with_key(key);
    message.update(instance.as_bytes());
    message.update(b"\n");
    message.update(text.as_bytes());
    URL_SAFE_NO_PAD.encode(&message.sign().as_ref()[..12])
}
