//! As much of HTTP/1.1 as the proxy and the benchmark need: whole messages with a known length, or up to the end.
//!
//! By hand, because a proxy that loses answers has to stop in places where a proper HTTP library would not let it, and
//! because a light client leaves the processor to the server that is measured.

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The largest message that is read, in bytes.
const LIMIT: usize = 4 << 20;

/// One request or response.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The request or status line.
    pub start: String,
    /// Names as sent, values trimmed.
    pub headers: Vec<(String, String)>,
    /// The content, without any chunk framing.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads one message; bytes that were read too many stay in `buffer` for the next. `None`: the peer has closed.
    ///
    /// Errors: on malformed framing, on a body that ends early, and over four megabytes.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<Option<Self>> {
        let head_end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if !fill(stream, buffer).await? {
                return if buffer.is_empty() { Ok(None) } else { bail!("the head was cut off") };
            }
        };
        let head =
            String::from_utf8(buffer.drain(..head_end + 4).collect()).context("a head that is not UTF-8")?;
        let mut lines = head.trim_end().split("\r\n");
        let mut message = Self { start: lines.next().unwrap_or_default().to_owned(), ..Self::default() };
        for line in lines {
            let (name, value) = line.split_once(':').with_context(|| format!("no header: {line:?}"))?;
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        message.read_body(stream, buffer).await?;
        Ok(Some(message))
    }

    async fn read_body(&mut self, stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<()> {
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = take_line(stream, buffer).await?;
                let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
                    .with_context(|| format!("no chunk size: {size:?}"))?;
                let chunk = take(stream, buffer, size).await?;
                self.body.extend_from_slice(&chunk);
                take_line(stream, buffer).await?;
                if size == 0 {
                    return Ok(());
                }
            }
        }
        let length = match self.header("content-length") {
            Some(length) => length.parse().context("content-length")?,
            None => 0,
        };
        self.body = take(stream, buffer, length).await?;
        Ok(())
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The status code of a response, 0 in a request.
    pub fn status(&self) -> u16 {
        if !self.start.starts_with("HTTP/") {
            return 0;
        }
        self.start.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// Method and path without the query of a request: `POST /oauth/token`.
    pub fn method_and_path(&self) -> String {
        let mut words = self.start.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        format!("{method} {}", target.split('?').next().unwrap_or_default())
    }

    /// The message as it goes over the wire: framed by its length, with `connection` as it should be said to the peer.
    pub fn to_bytes(&self, connection: &str) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            if !["connection", "transfer-encoding", "content-length", "keep-alive"]
                .contains(&name.to_lowercase().as_str())
            {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let bodiless = self.body.is_empty()
            && (self.start.starts_with("GET") || self.status() == 204 || self.status() == 304);
        if !bodiless {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str(&format!("connection: {connection}\r\n\r\n"));
        [head.as_bytes(), &self.body].concat()
    }
}

async fn fill(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<bool> {
    if buffer.len() > LIMIT {
        bail!("a message of more than {LIMIT} bytes");
    }
    Ok(stream.read_buf(buffer).await? > 0)
}

async fn take(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, length: usize) -> Result<Vec<u8>> {
    if length > LIMIT {
        bail!("a body of more than {LIMIT} bytes");
    }
    while buffer.len() < length {
        if !fill(stream, buffer).await? {
            bail!("the body was cut off");
        }
    }
    Ok(buffer.drain(..length).collect())
}

async fn take_line(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<String> {
    loop {
        if let Some(at) = buffer.windows(2).position(|window| window == b"\r\n") {
            let line: Vec<u8> = buffer.drain(..at + 2).collect();
            return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
        }
        if !fill(stream, buffer).await? {
            bail!("a line was cut off");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_messages_on_one_connection_are_read_apart() {
        let mut wire =
            &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 No\r\ntransfer-encoding: \
                          chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"[..];
        let mut buffer = Vec::new();
        let first = Message::read(&mut wire, &mut buffer).await.unwrap().unwrap();
        let second = Message::read(&mut wire, &mut buffer).await.unwrap().unwrap();
        assert_eq!((first.status(), first.body.as_slice()), (200, &b"ok"[..]));
        assert_eq!((second.status(), second.body.as_slice()), (404, &b"abc"[..]));
        assert!(Message::read(&mut wire, &mut buffer).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_an_error() {
        let mut wire = &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"[..];
        assert!(Message::read(&mut wire, &mut Vec::new()).await.is_err());
    }
}
