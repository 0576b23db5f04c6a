//! Documents that are almost JSON.

use crate::wiped::WipedBytes;

/// The value that `text` begins with, as JSON that any reader takes, and what follows it. `None` if it is not whole.
///
/// | in the text | becomes |
/// | --- | --- |
/// | half of a surrogate pair, an unknown escape | U+FFFD, as what is no text |
/// | a control character in a string | its escape |
/// | a control character between the values | a space |
/// | a number that is too large, `Infinity`, any other bare word | `null` |
/// | a value that is nested too deeply | `null` |
/// | a comma behind the last item | nothing |
pub(super) fn mend(text: &str) -> Option<(WipedBytes, &str)> {
    let mut mender = Mender { text, mended: WipedBytes::with_capacity(text.len()), depth: 0, comma: false };
    loop {
        mender.next()?;
        if mender.depth == 0 && !mender.mended.is_empty() {
            return Some((mender.mended, mender.text));
        }
    }
}

struct Mender<'a> {
    /// What is left.
    text: &'a str,
    mended: WipedBytes,
    depth: usize,
    /// A comma was read, and no value after it yet.
    comma: bool,
}

impl<'a> Mender<'a> {
    /// Takes in what comes next.
    fn next(&mut self) -> Option<()> {
        match *self.text.as_bytes().first()? {
            b'"' => self.string()?,
            open @ (b'{' | b'[') => {
                self.take(1);
                self.write(if self.depth == DEEPEST { b"null" } else { std::slice::from_ref(&open) });
                self.depth += 1;
            }
            close @ (b'}' | b']') => {
                self.take(1);
                self.comma = false;
                self.depth = self.depth.checked_sub(1)?;
                if self.depth < DEEPEST {
                    self.write(&[close]);
                }
            }
            b',' => {
                self.take(1);
                self.comma = true;
            }
            b':' => {
                self.take(1);
                self.write(b":");
            }
            space if space == b' ' || space.is_ascii_control() => drop(self.take(1)),
            _ => self.word()?,
        }
        Some(())
    }

    fn word(&mut self) -> Option<()> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        let length = self.text.bytes().take_while(|byte| is_part(*byte)).count();
        let word = self.take(length);
        let is_json = serde_json::from_str::<serde_json::Value>(word).is_ok();
        self.write(if is_json { word.as_bytes() } else { b"null" });
        (length > 0).then_some(())
    }

    fn string(&mut self) -> Option<()> {
        self.take(1);
        self.write(b"\"");
        loop {
            let plain = self.text.bytes().take_while(|byte| !matches!(byte, b'"' | b'\\' | ..0x20)).count();
            let plain = self.take(plain);
            self.write(plain.as_bytes());
            match *self.text.as_bytes().first()? {
                b'"' => break,
                b'\\' => self.escape()?,
                control => {
                    self.take(1);
                    self.write(format!("\\u{control:04x}").as_bytes());
                }
            }
        }
        self.take(1);
        self.write(b"\"");
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        let (known, code) = (*self.text.as_bytes().get(1)?, unit(self.text));
        let follows = self.text.get(6..).and_then(unit);
        let (length, readable) = match (known, code, follows) {
            (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..) => (2, true),
            (_, Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => (12, true),
            (_, Some(0xd800..0xe000), _) => (6, false),
            (_, Some(_), _) => (6, true),
            (_, None, _) => (1, false),
        };
        let escape = self.take(length);
        self.write(if readable { escape.as_bytes() } else { b"\\ufffd" });
        Some(())
    }

    /// The next bytes, which are whole characters.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.text.split_at(length);
        self.text = rest;
        taken
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.depth <= DEEPEST {
            if std::mem::take(&mut self.comma) {
                self.mended.extend(b",");
            }
            self.mended.extend(bytes);
        }
    }
}

/// The code unit of an escape.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if digits.starts_with('+') { None } else { u16::from_str_radix(digits, 16).ok() }
}

/// Readers give up at 128.
const DEEPEST: usize = 100;
