//! Requests, as the provider reads them.

use std::collections::HashMap;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The body, read as a form.
    pub form: HashMap<String, String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `DPoP` header.
    pub proof: Option<String>,
    /// The `jti` of the proof, where it was checked and is good.
    pub proof_id: Option<String>,
    /// The thumbprint of its key.
    pub(crate) thumbprint: Option<String>,
    /// The body as it came.
    pub(crate) body: String,
    pub(crate) is_json: bool,
}

impl Seen {
    /// The access token, and the scheme that it came by.
    pub(crate) fn access_token(&self) -> Option<(&str, &str)> {
        self.authorization.as_deref()?.split_once(' ')
    }
}

/// `None` if the connection ends before the request does.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    /// More than any test sends.
    const LIMIT: usize = 1 << 20;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let (head, body) = loop {
        let count = stream.read(&mut buffer).await.ok()?;
        if count == 0 || bytes.len() > LIMIT {
            return None;
        }
        bytes.extend_from_slice(&buffer[..count]);
        let text = std::str::from_utf8(&bytes).ok()?;
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len()
                >= header(head, "content-length").map_or(0, |length| length.parse().unwrap_or(usize::MAX))
        {
            break (head.to_owned(), body.to_owned());
        }
    };
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    Some(Seen {
        method,
        path: target.split('?').next()?.to_owned(),
        form: url::form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
        authorization: header(&head, "authorization").map(str::to_owned),
        proof: header(&head, "dpop").map(str::to_owned),
        proof_id: None,
        thumbprint: None,
        body,
        is_json: header(&head, "content-type").is_some_and(|kind| kind.starts_with("application/json")),
    })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.into_iter().find_map(|(n, value)| n.eq_ignore_ascii_case(name).then(|| value.trim()))
}
