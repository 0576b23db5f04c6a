//! Where a page of a list ended: the key of its last row, opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use moorline_server_base::clock::Timestamp;

/// The key of a page's last row. It holds nothing that its owner does not know, and moves only within what is theirs:
/// no need to sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) created_at: Timestamp,
    pub(super) id: String,
}

impl Cursor {
    /// The cursor as clients see it.
    pub(super) fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.created_at.millis().to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor; `None` if it is not one of ours.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&version, rest) = bytes.split_first()?;
        let (millis, id) = rest.split_first_chunk::<8>()?;
        let id = std::str::from_utf8(id).ok()?;
        let is_id = id.len() == 22 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (version == VERSION && is_id).then(|| Self {
            created_at: Timestamp::from_millis(i64::from_be_bytes(*millis)),
            id: id.to_owned(),
        })
    }
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let cursor = Cursor { created_at: Timestamp::from_millis(1_795_000_000_123), id: "A".repeat(22) };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
    }

    #[test]
    fn what_is_no_cursor_of_ours_is_refused() {
        let good = Cursor { created_at: Timestamp::from_millis(1), id: "A".repeat(22) }.encode();
        for wrong in [
            "",
            "1",
            "not base64!",
            &good[..10],
            &good[1..],
            &format!("{good}AA"),
            &good.replacen("AQ", "Ag", 1),
        ] {
            assert_eq!(Cursor::decode(wrong), None, "{wrong}");
        }
    }
}
