//! Content codings: what is asked for, and what is read anyway (RFC 9110 §8.4 and §12.5.3).

use std::io::Read;

use ::http::{HeaderMap, StatusCode, header};
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use zeroize::Zeroizing;

use super::{error::NetError, headers::texts};
use crate::{json, wiped::WipedBytes};

/// What a response may be encoded with.
pub(super) const ACCEPTED: &str = "gzip";

/// Takes in the body of a response, decodes it, and counts what comes out: what is small on the wire may be large.
pub(crate) struct Body {
    received: Limited,
    limit: usize,
    coding: Coding,
    is_document: bool,
}

/// What the body is encoded with, by its headers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// Nothing, or something that is left as it is.
    Other,
    Gzip,
    Deflate,
}

impl Body {
    /// For a response with these headers. A document is JSON: it is also decoded where its headers do not say that it
    /// is encoded, or where the end of its coding is damaged; its reader notices what is not whole.
    ///
    /// # Errors
    /// [`NetError::TooLarge`] if the response says at once that it is.
    pub(crate) fn new(
        status: StatusCode,
        headers: &HeaderMap,
        limit: usize,
        is_document: bool,
    ) -> Result<Self, NetError> {
        let declared = texts(headers, &header::CONTENT_LENGTH).find_map(|text| text.parse().ok());
        let declared: usize = declared.unwrap_or_default();
        // A part of an encoded whole can't be decoded alone.
        let coding = if status == StatusCode::PARTIAL_CONTENT { Coding::Other } else { Coding::of(headers) };
        // What cannot be compressed grows a little.
        let on_the_wire =
            if coding == Coding::Other { limit } else { limit.saturating_add(limit / 512 + 1024) };
        if declared > on_the_wire && !is_document {
            return Err(NetError::TooLarge);
        }
        let received = Limited::new(declared.min(on_the_wire), on_the_wire);
        Ok(Self { received, limit, coding, is_document })
    }

    /// Takes in what came.
    pub(crate) fn extend(&mut self, chunk: &[u8]) -> Result<(), NetError> {
        self.received.extend(chunk)
    }

    /// Whether this is a document that is not encoded, and all of it has come.
    pub(super) fn is_whole_document(&self) -> bool {
        let received = &*self.received.bytes;
        self.is_document && received.trim_ascii_end().ends_with(b"}") && json::is_whole(received)
    }

    /// The whole body. If it was decoded, the headers do not say any more how it was encoded.
    pub(crate) fn finish(self, headers: &mut HeaderMap) -> Result<Zeroizing<Vec<u8>>, NetError> {
        let received = self.received.bytes;
        let is_json = self.is_document && received.trim_ascii_start().starts_with(b"{");
        let decoded = match self.coding {
            Coding::Other if !(self.is_document && received.starts_with(GZIP)) => {
                return Ok(received.into_inner());
            }
            // It is not what its headers say, and there may be no body at all.
            _ if is_json || received.is_empty() => received.into_inner(),
            Coding::Deflate if self.is_document => inflate(&received, self.limit)?,
            Coding::Deflate => return Ok(received.into_inner()),
            Coding::Gzip if !received.starts_with(GZIP) => received.into_inner(),
            Coding::Gzip | Coding::Other => gunzip(&received, self.limit, self.is_document)?,
        };
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        Ok(decoded)
    }
}

impl Coding {
    /// Names of codings have no case; `x-gzip` is the same as `gzip` (§8.4.1.3). Several codings are left as they are.
    fn of(headers: &HeaderMap) -> Self {
        let mut codings = texts(headers, &header::CONTENT_ENCODING)
            .flat_map(|text| text.split(','))
            .map(str::trim_ascii)
            .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
        match (codings.next().map(str::to_ascii_lowercase).as_deref(), codings.next()) {
            (Some("gzip" | "x-gzip"), None) => Self::Gzip,
            (Some("deflate"), None) => Self::Deflate,
            _ => Self::Other,
        }
    }
}

/// All members of a gzip file are one body (RFC 1952 §2.2). What follows them and is none is padding. A document whose
/// end is damaged is kept as far as it goes.
fn gunzip(mut encoded: &[u8], limit: usize, is_document: bool) -> Result<Zeroizing<Vec<u8>>, NetError> {
    let mut decoded = Limited::new(0, limit);
    while encoded.starts_with(GZIP) {
        let mut decoder = GzDecoder::new(encoded);
        let whole = decoded.fill_from(&mut decoder)?;
        encoded = decoder.into_inner();
        if !whole {
            return if is_document { Ok(decoded.bytes.into_inner()) } else { Err(NetError::BodyCut) };
        }
    }
    Ok(decoded.bytes.into_inner())
}

/// `deflate` is the zlib format (RFC 9110 §8.4.1.2); some servers send it without that frame.
fn inflate(encoded: &[u8], limit: usize) -> Result<Zeroizing<Vec<u8>>, NetError> {
    let has_frame = encoded
        .first_chunk()
        .is_some_and(|head| head[0] & 0x0f == 8 && u16::from_be_bytes(*head).is_multiple_of(31));
    let mut decoded = Limited::new(0, limit);
    if has_frame {
        decoded.fill_from(ZlibDecoder::new(encoded))?;
    } else {
        decoded.fill_from(DeflateDecoder::new(encoded))?;
    }
    Ok(decoded.bytes.into_inner())
}

/// Bytes, up to a limit.
struct Limited {
    bytes: WipedBytes,
    limit: usize,
}

impl Limited {
    fn new(capacity: usize, limit: usize) -> Self {
        Self { bytes: WipedBytes::with_capacity(capacity), limit }
    }

    fn extend(&mut self, more: &[u8]) -> Result<(), NetError> {
        if self.bytes.len() + more.len() > self.limit {
            return Err(NetError::TooLarge);
        }
        self.bytes.extend(more);
        Ok(())
    }

    /// Takes in what a decoder yields; `false` if it fails on the way.
    fn fill_from(&mut self, mut decoder: impl Read) -> Result<bool, NetError> {
        let mut part = Zeroizing::new([0; 8192]);
        loop {
            match decoder.read(&mut part[..]) {
                Ok(0) => return Ok(true),
                Ok(length) => self.extend(&part[..length])?,
                Err(error) => {
                    tracing::debug!(%error, "a response could not be decoded");
                    return Ok(false);
                }
            }
        }
    }
}

/// How a gzip member begins (RFC 1952 §2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];
