//! `moorline get`, `post`, `put`, `delete`: a request with the access token, which goes to allowed origins alone.

use std::io::{IsTerminal as _, Read as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use moorline::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::Context;
use crate::arguments::Send;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) async fn run(context: &Context<'_>, method: &str, send: Send) -> Result<Exit, Failure> {
    let headers = send.fetch.header;
    for own in ["authorization", "dpop", "content-length", "host", "connection", "transfer-encoding"] {
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(own)) {
            return Err(Failure::usage(format!("moorline sets the header field {own} itself; leave it out")));
        }
    }
    let body = send.data.as_deref().map(body).transpose()?;
    let (settings, moorline) = context.open().await?;
    let url = settings.resolve_for_token(&moorline, &send.fetch.url)?;
    let mut request = HttpRequest::new(method, url.as_str());
    if let Some(body) = body {
        let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type =
            send.content_type.as_deref().or(if typed { None } else { Some("application/json") });
        request =
            content_type.into_iter().fold(request, |request, kind| request.header("Content-Type", kind));
        request = request.body(body);
    }
    request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let response = moorline.send(request).await?;
    print(context.output, &response, send.fetch.include)?;
    if response.status < 400 {
        return Ok(Exit::Success);
    }
    if !context.output.is_json() {
        context.output.hint(format_args!("The API answered with status {}.", response.status));
    }
    Ok(Exit::HttpStatus)
}

/// Text, `@FILE` or `-`.
fn body(data: &str) -> Result<Vec<u8>, Failure> {
    let read = match (data, data.strip_prefix('@')) {
        ("-", _) => {
            let mut body = Vec::new();
            std::io::stdin().lock().read_to_end(&mut body).map(|_| body)
        }
        (_, Some(file)) => std::fs::read(file),
        (text, None) => Ok(text.as_bytes().to_vec()),
    };
    read.map_err(|error| Failure::usage(format!("the body {data:?} can't be read: {error}")))
}

fn print(output: &Output, response: &HttpResponse, include: bool) -> Result<(), Failure> {
    if output.is_json() {
        return output.result(&as_json(response.status, &response.headers, &response.body), String::new);
    }
    let mut text = Vec::new();
    if include {
        text.extend(format!("HTTP {}\n", response.status).into_bytes());
        for (name, value) in &response.headers {
            text.extend(format!("{name}: {value}\n").into_bytes());
        }
        text.push(b'\n');
    }
    text.extend(&response.body);
    if std::io::stdout().is_terminal() && text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    output.bytes(&text)
}

/// The body as JSON where it is some, as text where it is that, and in base64 otherwise.
fn as_json(status: u16, fields: &[(String, String)], body: &[u8]) -> Value {
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in fields {
        let joined = match headers.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        headers.insert(name.clone(), joined.into());
    }
    let mut json = json!({ "status": status, "headers": headers });
    if let Ok(body) = serde_json::from_slice::<Value>(body) {
        json["body"] = body;
    } else if let Ok(text) = std::str::from_utf8(body) {
        json["body"] = text.into();
    } else {
        json["body_base64"] = STANDARD.encode(body).into();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_as_what_it_is() {
        let headers = [("vary".to_owned(), "a".to_owned()), ("vary".to_owned(), "b".to_owned())];
        let shown = |body: &[u8]| as_json(200, &headers, body);
        assert_eq!(shown(b"{\"a\":1}")["body"], json!({ "a": 1 }));
        assert_eq!(shown(b"plain")["body"], "plain");
        assert_eq!(shown(b"")["body"], "");
        assert_eq!(shown(&[0xff, 0])["body_base64"], "/wA=");
        assert_eq!(shown(b"")["headers"], json!({ "vary": "a, b" }));
    }
}
