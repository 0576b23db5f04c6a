//! What a network does to an exchange, and what it answers itself.

use std::time::Duration;

/// What happens to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server answers; the answer never arrives and the connection closes.
    SwallowAnswer,
    /// Half of the answer's body arrives.
    CutBody,
    /// The answer arrives after this time.
    Delay(Duration),
    /// The request reaches the server after this time.
    HoldRequest(Duration),
    /// The connection is closed before the request reaches the server.
    DropRequest,
    /// A third party on the way answers 503; the request does not reach the server.
    Unavailable,
    /// The client gets 200 with an HTML page, as from hotel networks; the request does not reach the server.
    CaptivePortal,
    /// The server answers; the client's connection is reset.
    Reset,
    /// A third party on the way answers so; the server has answered, too, or the request did not reach it.
    Instead(Canned, Heard),
    /// The request arrives twice, and the second answer is the client's.
    Twice,
}

/// Whether a request that a third party answers has reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Heard {
    Yes,
    No,
}

/// What a third party on the way answers instead of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canned {
    /// 500 with a line of text.
    InternalError,
    /// 503 without a word.
    Unavailable,
    /// 429, and to come back after a second.
    TooManyRequests,
    /// 200 with an HTML page.
    Page,
    /// 200 with nothing in it.
    Nothing,
    /// 302 to a page of the network's own, where nobody listens.
    Redirect,
    /// 403 with an HTML page.
    Forbidden,
    /// 404 with an HTML page.
    NotFound,
    /// 200 with the first half of a JSON document, well framed.
    HalfDocument,
}

impl Fault {
    /// Whether the request does not reach the server.
    pub(super) const fn keeps_the_server_out(self) -> bool {
        matches!(
            self,
            Self::DropRequest | Self::Unavailable | Self::CaptivePortal | Self::Instead(_, Heard::No)
        )
    }

    /// Whether the server's answer never arrives, or not as it was given, whatever the client does.
    pub const fn loses_the_answer(self) -> bool {
        matches!(self, Self::SwallowAnswer | Self::CutBody | Self::Reset | Self::Instead(_, Heard::Yes))
    }
}

impl Canned {
    pub(super) fn bytes(self) -> String {
        const HTML: &str = "content-type: text/html\r\n";
        const JSON: &str = "content-type: application/json\r\n";
        const HOTEL: &str = "<html><title>Welcome to the hotel</title></html>";
        let (status, header, body) = match self {
            Self::InternalError => ("500 Internal Server Error", "", "something went wrong"),
            Self::Unavailable => ("503 Service Unavailable", "", ""),
            Self::TooManyRequests => ("429 Too Many Requests", "retry-after: 1\r\n", ""),
            Self::Page => ("200 OK", HTML, HOTEL),
            Self::Nothing => ("200 OK", JSON, ""),
            Self::Redirect => ("302 Found", "location: http://127.0.0.1:9/hotel\r\n", ""),
            Self::Forbidden => ("403 Forbidden", HTML, HOTEL),
            Self::NotFound => ("404 Not Found", HTML, HOTEL),
            Self::HalfDocument => {
                ("200 OK", JSON, r#"{"issuer":"https://localhost","token_type":"DPoP","access_tok"#)
            }
        };
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
    }
}
