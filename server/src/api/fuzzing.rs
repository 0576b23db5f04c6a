//! What the API is asked: the body, the query, the conditions.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest as _, FromRequestParts as _};
use axum::response::IntoResponse as _;
use garde::Validate as _;
use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use serde_json::{Value, json};

use super::cursor::Cursor;
use super::etag::{self, Expected};
use super::notes::{NoteText, PageQuery};
use crate::fuzzing::first_line;
use crate::web::{ApiJson, ApiQuery, Problem};

/// Three lines with the query, `If-Match` and `If-None-Match`, then a JSON body.
///
/// What is accepted keeps to its limits and reads again as the same; what is refused is the client's fault, and
/// a problem document says so.
pub fn problem(input: &[u8]) {
    let (query, rest) = first_line(input);
    let (if_match, rest) = first_line(rest);
    let (if_none_match, body) = first_line(rest);
    page(query);
    condition(IF_MATCH, if_match);
    condition(IF_NONE_MATCH, if_none_match);
    match note(body) {
        Ok(note) => {
            let title = note.title.chars().count();
            assert!((1..=200).contains(&title) && !note.title.contains(char::is_control));
            assert!(note.body.chars().count() <= 20_000 && !note.body.contains('\0'));
            let printed = json!({ "title": note.title, "body": note.body }).to_string();
            let again = note_or_panic(printed.as_bytes());
            assert_eq!((again.title, again.body), (note.title, note.body));
        }
        Err(problem) => refused(problem),
    }
}

fn note(body: &[u8]) -> Result<NoteText, Problem> {
    let mut request = Request::new(Body::from(body.to_vec()));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let ApiJson(text) = at_once(ApiJson::<NoteText>::from_request(request, &()))?;
    text.validate()?;
    Ok(text)
}

fn note_or_panic(body: &[u8]) -> NoteText {
    note(body).unwrap_or_else(|problem| panic!("{problem:?} from what was read before"))
}

fn page(query: &[u8]) {
    let Ok(uri) = [&b"/v1/notes?"[..], query].concat().as_slice().try_into() else { return };
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = uri;
    let query = match at_once(ApiQuery::<PageQuery>::from_request_parts(&mut parts, &())) {
        Ok(ApiQuery(query)) => query,
        Err(problem) => return refused(problem),
    };
    if query.validate().is_ok() {
        assert!(query.limit.is_none_or(|limit| (1..=100).contains(&limit)));
    }
    if let Some(text) = &query.cursor
        && let Some(cursor) = Cursor::decode(text)
    {
        assert_eq!(cursor.encode(), *text);
    }
}

fn condition(name: HeaderName, value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let text = value.to_str().unwrap_or_default().to_owned();
    let headers = HeaderMap::from_iter([(name, value)]);
    match Expected::read(&headers) {
        Ok(Some(expected)) => {
            let tags = text.split(',').map(str::trim);
            let any = tags.clone().all(|tag| tag == "*");
            for version in [1, 7, i64::MAX] {
                let named = tags.clone().any(|tag| tag == format!("\"{version}\""));
                assert_eq!(expected.accepts(version), any || named);
            }
        }
        Ok(None) => {}
        Err(problem) => refused(problem),
    }
    match etag::is_known(&headers, 7) {
        Ok(known) => assert!(!known || text.contains("\"7\"") || text.contains('*')),
        Err(problem) => refused(problem),
    }
}

fn refused(problem: Problem) {
    let response = problem.into_response();
    let status = response.status();
    assert!(status.is_client_error());
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let body = at_once(to_bytes(response.into_body(), usize::MAX)).expect("the body is in memory");
    let document: Value = serde_json::from_slice(&body).expect("a problem document is JSON");
    assert_eq!(document["status"], status.as_u16());
    assert!(document["type"].as_str().is_some_and(|kind| kind.starts_with("urn:moorline:problem:")));
    assert!(document["title"].is_string());
}

/// The outcome of something that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it is all in memory"),
    }
}
