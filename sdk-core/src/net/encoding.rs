//! Content codings: what is asked for, and what is read anyway (RFC 9110 §8.4 and §12.5.3).

use std::io::{self, Write};

use ::http::{HeaderMap, StatusCode, header};
use flate2::write::MultiGzDecoder;
use zeroize::Zeroizing;

use super::{error::NetError, headers::texts};
use crate::wiped::WipedBytes;

/// What a response may be encoded with.
pub(super) const ACCEPTED: &str = "gzip";

/// Takes in the body of a response, decodes it, and counts what comes out: what is small on the wire may be large.
pub(crate) struct Body(Kind);

enum Kind {
    Plain(Limited),
    Gzip(Box<MultiGzDecoder<Limited>>),
}

impl Body {
    /// For a response with these headers. They say afterwards what the body is then: of its coding and its length on
    /// the wire nothing is left.
    ///
    /// # Errors
    /// [`NetError::TooLarge`] if the response says at once that it is.
    pub(crate) fn new(status: StatusCode, headers: &mut HeaderMap, limit: usize) -> Result<Self, NetError> {
        let declared = texts(headers, &header::CONTENT_LENGTH).find_map(|text| text.parse().ok());
        let room: usize = declared.unwrap_or_default();
        let limited = Limited { bytes: WipedBytes::with_capacity(room.min(limit)), limit, exceeded: false };
        // A part of an encoded whole can't be decoded alone.
        if !is_gzip(headers) || status == StatusCode::PARTIAL_CONTENT {
            return if room > limit { Err(NetError::TooLarge) } else { Ok(Self(Kind::Plain(limited))) };
        }
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        Ok(Self(Kind::Gzip(Box::new(MultiGzDecoder::new(limited)))))
    }

    /// Takes in what came.
    pub(crate) fn extend(&mut self, chunk: &[u8]) -> Result<(), NetError> {
        match &mut self.0 {
            Kind::Plain(plain) => plain.write_all(chunk).map_err(|_| NetError::TooLarge),
            Kind::Gzip(decoder) => {
                let written = decoder.write_all(chunk);
                written.map_err(|error| failed(decoder.get_ref(), &error))
            }
        }
    }

    /// The whole body. `any` says whether anything came at all: a response may have no body, whatever its headers
    /// say.
    pub(crate) fn finish(self, any: bool) -> Result<Zeroizing<Vec<u8>>, NetError> {
        match self.0 {
            Kind::Gzip(mut decoder) if any => match decoder.try_finish() {
                Ok(()) => Ok(std::mem::take(&mut decoder.get_mut().bytes).into_inner()),
                Err(error) => Err(failed(decoder.get_ref(), &error)),
            },
            Kind::Gzip(_) => Ok(Zeroizing::default()),
            Kind::Plain(plain) => Ok(plain.bytes.into_inner()),
        }
    }
}

fn failed(limited: &Limited, error: &io::Error) -> NetError {
    if limited.exceeded {
        return NetError::TooLarge;
    }
    tracing::debug!(%error, "a response could not be decoded");
    NetError::BodyCut
}

/// Whether gzip is all that the body is encoded with. Names of codings have no case; `x-gzip` is the same (§8.4.1.3).
fn is_gzip(headers: &HeaderMap) -> bool {
    let mut codings = texts(headers, &header::CONTENT_ENCODING)
        .flat_map(|text| text.split(','))
        .map(str::trim_ascii)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    let gzip = |coding: &str| coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip");
    codings.next().is_some_and(gzip) && codings.next().is_none()
}

/// Bytes, up to a limit.
struct Limited {
    bytes: WipedBytes,
    limit: usize,
    exceeded: bool,
}

impl Write for Limited {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.limit {
            self.exceeded = true;
            return Err(io::Error::other("over the limit"));
        }
        self.bytes.extend(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
