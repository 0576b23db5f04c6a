//! Where the body of an HTTP/1.1 request ends (RFC 9112 §6).
//!
//! hyper decides it, before any layer of ours: it refuses a `Content-Length` that is no number, or two that differ, and
//! any `Transfer-Encoding` that does not end in `chunked`, or comes with HTTP/1.0. Beside `Transfer-Encoding` it drops
//! `Content-Length`, goes by the chunks, and closes the connection behind the answer (§6.1). What it lets pass beyond
//! that is refused here. Behind the last chunk it takes a LF alone for the beginning of a trailer, and the request that
//! comes next for the rest of it. So chunks end the connection.

use axum::extract::Request;
use http::header::TRANSFER_ENCODING;

/// Whether no request may follow on the connection.
pub(super) fn is_the_last(request: &Request) -> bool {
    request.headers().contains_key(TRANSFER_ENCODING)
}

/// Whether the body has no transfer coding but `chunked`, once. hyper takes the chunks off once and hands on what is
/// under them, be it `gzip` or chunks again: a proxy in front may find another end of the body there.
pub(super) fn is_plain(request: &Request) -> bool {
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}
