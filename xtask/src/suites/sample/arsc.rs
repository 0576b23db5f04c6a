//! Android 15's `resources.arsc` for Debian's older aapt2: sparse and 16-bit offsets of entries become plain 32-bit
//! ones, and compact entries become full ones. The format is that of AOSP's `ResourceTypes.h`.

use anyhow::{Context, Result};

const PACKAGE: u16 = 0x200;
const TYPE: u16 = 0x201;
const TYPE_SPEC: u16 = 0x202;
const NO_ENTRY: u32 = 0xFFFF_FFFF;

/// Flags of a type: how the offsets are written.
const SPARSE: u8 = 1;
const SHORT_OFFSETS: u8 = 2;

/// Flags of an entry.
const COMPLEX: u16 = 1;
const COMPACT: u16 = 8;

/// The same table in the older form.
pub(super) fn plain(table: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    for chunk in chunks(table, 12)? {
        if short(chunk, 0)? == PACKAGE {
            body.extend(package(chunk)?);
        } else {
            body.extend_from_slice(chunk);
        }
    }
    with_size(table, 12, &body)
}

fn package(chunk: &[u8]) -> Result<Vec<u8>> {
    let header = usize::from(short(chunk, 2)?);
    let (mut body, mut entries) = (Vec::new(), 0);
    for part in chunks(chunk, header)? {
        match short(part, 0)? {
            TYPE => body.extend(of_type(part, entries)?),
            kind => {
                if kind == TYPE_SPEC {
                    entries = word(part, 12)?;
                }
                body.extend_from_slice(part);
            }
        }
    }
    with_size(chunk, header, &body)
}

/// A type with the offsets of all `count` entries of its kind.
fn of_type(chunk: &[u8], count: u32) -> Result<Vec<u8>> {
    let header = usize::from(short(chunk, 2)?);
    let flags = *chunk.get(9).context("a type without flags")?;
    let (listed, start) = (word(chunk, 12)? as usize, word(chunk, 16)? as usize);
    let entries = chunk.get(start..).context("entries outside of their type")?;
    let mut offsets = vec![NO_ENTRY; count as usize];
    let mut bodies = Vec::new();
    for row in 0..listed {
        let (index, offset) = if flags & SPARSE != 0 {
            (usize::from(short(chunk, header + 4 * row)?), u32::from(short(chunk, header + 4 * row + 2)?) * 4)
        } else if flags & SHORT_OFFSETS != 0 {
            match short(chunk, header + 2 * row)? {
                0xFFFF => continue,
                offset => (row, u32::from(offset) * 4),
            }
        } else {
            match word(chunk, header + 4 * row)? {
                NO_ENTRY => continue,
                offset => (row, offset),
            }
        };
        *offsets.get_mut(index).context("more entries than the kind has")? = u32::try_from(bodies.len())?;
        bodies.extend(entry(entries.get(offset as usize..).context("an entry outside of its type")?)?);
    }
    let start = header + 4 * offsets.len();
    let mut out = Vec::with_capacity(start + bodies.len());
    out.extend_from_slice(&chunk[..4]);
    out.extend_from_slice(&u32::try_from(start + bodies.len())?.to_le_bytes());
    out.extend_from_slice(&[chunk[8], 0, 0, 0]);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&u32::try_from(start)?.to_le_bytes());
    out.extend_from_slice(chunk.get(20..header).context("a type's header is cut off")?);
    out.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
    out.extend(bodies);
    Ok(out)
}

/// One entry, which begins here.
fn entry(bytes: &[u8]) -> Result<Vec<u8>> {
    let (size, flags) = (short(bytes, 0)?, short(bytes, 2)?);
    if flags & COMPACT != 0 {
        // The key is where the size was, and the kind of the value is in the upper byte of the flags.
        let mut full = vec![8, 0];
        full.extend_from_slice(&(flags & 0xF7).to_le_bytes());
        full.extend_from_slice(&u32::from(size).to_le_bytes());
        full.extend_from_slice(&[8, 0, 0, (flags >> 8) as u8]);
        full.extend_from_slice(&word(bytes, 4)?.to_le_bytes());
        return Ok(full);
    }
    let length = if flags & COMPLEX != 0 {
        16 + 12 * word(bytes, 12)? as usize
    } else {
        8 + usize::from(short(bytes, 8)?)
    };
    Ok(bytes.get(..length).context("an entry is cut off")?.to_vec())
}

/// The chunks after a header, each with its own header.
fn chunks(bytes: &[u8], header: usize) -> Result<Vec<&[u8]>> {
    let mut rest = bytes.get(header..).context("a header is cut off")?;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let size = word(rest, 4)? as usize;
        let chunk = rest.get(..size).filter(|chunk| chunk.len() >= 8).context("a chunk is cut off")?;
        found.push(chunk);
        rest = &rest[size..];
    }
    Ok(found)
}

/// A chunk's header, with the size that this body makes.
fn with_size(chunk: &[u8], header: usize, body: &[u8]) -> Result<Vec<u8>> {
    let mut out = chunk.get(..header).context("a header is cut off")?.to_vec();
    out.extend_from_slice(body);
    let size = u32::try_from(out.len())?.to_le_bytes();
    out.get_mut(4..8).context("a header is cut off")?.copy_from_slice(&size);
    Ok(out)
}

fn short(bytes: &[u8], at: usize) -> Result<u16> {
    let two = bytes.get(at..at + 2).context("the table is cut off")?;
    Ok(u16::from_le_bytes(two.try_into()?))
}

fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let four = bytes.get(at..at + 4).context("the table is cut off")?;
    Ok(u32::from_le_bytes(four.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with one package, of one kind with three entries, of which a type lists the second.
    fn table(flags: u8, offsets: &[u8], listed: u32, entry: &[u8]) -> Vec<u8> {
        let chunk = |kind: u16, header: &[u8], body: &[u8]| {
            let mut out = kind.to_le_bytes().to_vec();
            out.extend_from_slice(&u16::try_from(8 + header.len()).unwrap().to_le_bytes());
            out.extend_from_slice(&u32::try_from(8 + header.len() + body.len()).unwrap().to_le_bytes());
            out.extend_from_slice(header);
            out.extend_from_slice(body);
            out
        };
        let spec = chunk(TYPE_SPEC, &[1, 0, 0, 0, 3, 0, 0, 0], &[0; 12]);
        let mut header = vec![1, flags, 0, 0];
        header.extend_from_slice(&listed.to_le_bytes());
        header.extend_from_slice(&u32::try_from(20 + offsets.len()).unwrap().to_le_bytes());
        let kind = chunk(TYPE, &header, &[offsets, entry].concat());
        let package = chunk(PACKAGE, &[], &[spec, kind].concat());
        chunk(2, &[1, 0, 0, 0], &package)
    }

    const FULL: [u8; 16] = [8, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 3, 5, 0, 0, 0];
    const PLAIN: [u8; 12] = [255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255];

    #[test]
    fn every_form_of_a_type_becomes_the_plain_one() {
        let expected = table(0, &PLAIN, 3, &FULL);
        assert_eq!(plain(&expected).unwrap(), expected, "the plain form stays");
        let compact = [7, 0, 8, 3, 5, 0, 0, 0];
        assert_eq!(plain(&table(0, &PLAIN, 3, &compact)).unwrap(), expected, "a compact entry");
        assert_eq!(plain(&table(SPARSE, &[1, 0, 0, 0], 1, &FULL)).unwrap(), expected, "sparse");
        let short = [255, 255, 0, 0, 255, 255, 0, 0];
        assert_eq!(plain(&table(SHORT_OFFSETS, &short, 3, &FULL)).unwrap(), expected, "16-bit offsets");
    }

    #[test]
    fn a_table_that_is_cut_off_is_an_error() {
        let whole = table(0, &PLAIN, 3, &FULL);
        for length in [0, 6, 20, 60, whole.len() - 1] {
            assert!(plain(&whole[..length]).is_err(), "{length}");
        }
        assert!(
            plain(&table(SPARSE, &[9, 0, 0, 0], 1, &FULL)).is_err(),
            "an index that the kind does not have"
        );
    }
}
