//! Where the parts of an archive are in its file: its central directory, as in PKWARE's APPNOTE, 4.3.

use anyhow::{Context, Result, ensure};

const END: [u8; 4] = [b'P', b'K', 5, 6];
const ENTRY: [u8; 4] = [b'P', b'K', 1, 2];
const LOCAL: [u8; 4] = [b'P', b'K', 3, 4];

/// A file in the archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Not compressed.
    pub(super) stored: bool,
    /// Its bytes in the archive.
    pub(super) packed: u64,
    /// Where they begin.
    pub(super) offset: u64,
}

/// All files of an archive, which is smaller than 4 GB.
pub(super) fn entries(archive: &[u8]) -> Result<Vec<Entry>> {
    let end = archive.windows(4).rposition(|window| window == END).context("it is no ZIP archive")?;
    let (count, mut at) = (short(archive, end + 10)?, word(archive, end + 16)? as usize);
    let mut found = Vec::new();
    for _ in 0..count {
        ensure!(archive.get(at..at + 4) == Some(&ENTRY), "the list of its files is damaged");
        let (name, extra, comment) =
            (short(archive, at + 28)?, short(archive, at + 30)?, short(archive, at + 32)?);
        let text = archive.get(at + 46..at + 46 + name).context("a name is cut off")?;
        let local = word(archive, at + 42)? as usize;
        ensure!(archive.get(local..local + 4) == Some(&LOCAL), "a file of it is not where the list says");
        let offset = local + 30 + short(archive, local + 26)? + short(archive, local + 28)?;
        found.push(Entry {
            name: String::from_utf8(text.to_vec()).context("a name is no text")?,
            stored: short(archive, at + 10)? == 0,
            packed: u64::from(word(archive, at + 20)?),
            offset: offset as u64,
        });
        at += 46 + name + extra + comment;
    }
    Ok(found)
}

fn short(bytes: &[u8], at: usize) -> Result<usize> {
    let two = bytes.get(at..at + 2).context("the archive is cut off")?;
    Ok(usize::from(u16::from_le_bytes(two.try_into()?)))
}

fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let four = bytes.get(at..at + 4).context("the archive is cut off")?;
    Ok(u32::from_le_bytes(four.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive with the file `a`, which holds `hello` and has three bytes of extra fields.
    fn archive() -> Vec<u8> {
        let mut local = LOCAL.to_vec();
        local.extend([0; 22]);
        local.extend([1, 0, 3, 0, b'a', 9, 9, 9]);
        local.extend(b"hello");
        let mut entry = ENTRY.to_vec();
        entry.extend([0; 16]);
        entry.extend([5, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
        entry.extend([0; 12]);
        entry.push(b'a');
        let mut end = END.to_vec();
        end.extend([0, 0, 0, 0, 1, 0, 1, 0]);
        end.extend(u32::try_from(entry.len()).unwrap().to_le_bytes());
        end.extend(u32::try_from(local.len()).unwrap().to_le_bytes());
        end.extend([0, 0]);
        [local, entry, end].concat()
    }

    #[test]
    fn a_file_is_found_behind_its_header() {
        let archive = archive();
        let expected = Entry { name: "a".to_owned(), stored: true, packed: 5, offset: 34 };
        assert_eq!(entries(&archive).unwrap(), [expected]);
        assert_eq!(&archive[34..39], b"hello");
    }

    #[test]
    fn a_damaged_archive_is_an_error() {
        let whole = archive();
        assert!(entries(&whole[..20]).unwrap_err().to_string().contains("no ZIP archive"));
        for at in [0, 39] {
            let mut damaged = whole.clone();
            damaged[at] = b'X';
            assert!(entries(&damaged).is_err(), "byte {at}");
        }
        assert!(entries(&whole[39..]).is_err(), "its first half is missing");
    }
}
