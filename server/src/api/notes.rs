//! `/v1/notes`: a person's own notes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::header::{ETAG, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};

use super::cursor::Cursor;
use super::etag::{self, Expected};
use super::state::Api;
use super::store::{self, Stored};
use crate::access::{AuthContext, Can, can};
use crate::accounts::users;
use crate::audit::{self, Event};
use crate::web::{ApiJson, ApiQuery, Problem, Violation};
use moorline_server_base::clock::Timestamp;
use moorline_server_store::{StoreError, Tx};

/// A note.
#[derive(Serialize, ToSchema)]
pub(super) struct Note {
    /// The id.
    id: String,
    /// The title.
    #[schema(max_length = 200)]
    title: String,
    /// The text.
    #[schema(max_length = 20000)]
    body: String,
    /// When it was made (RFC 3339).
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed (RFC 3339).
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A page of notes, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct NotePage {
    /// The notes.
    items: Vec<Note>,
    /// Give this as `cursor` for the next page; `null` on the last one.
    next: Option<String>,
}

/// The text of a note.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteText {
    /// The title: 1 to 200 characters in one line.
    #[garde(length(chars, min = 1, max = 200), custom(one_line))]
    #[schema(min_length = 1, max_length = 200)]
    pub(super) title: String,
    /// The text: up to 20,000 characters.
    #[garde(length(chars, max = 20_000), custom(no_null))]
    #[schema(max_length = 20000)]
    #[serde(default)]
    pub(super) body: String,
}

/// Which page of the list.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// How many notes at most: 1 to 100; 20 if not given.
    #[garde(inner(range(min = 1, max = 100)))]
    pub(super) limit: Option<u32>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(super) cursor: Option<String>,
}

/// More than anybody writes by hand; keeps one account from filling the disk.
const MOST_NOTES: i64 = 10_000;

/// List one's notes.
#[utoipa::path(
    get, path = "/v1/notes", tag = "notes", params(PageQuery), security(("oidc" = ["notes.read"])),
    responses(
        (status = 200, description = "A page of notes, newest first", body = NotePage),
        (status = 400, description = "A query parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Can { person, .. }: Can<can::ReadNotes>,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> Result<Json<NotePage>, Problem> {
    let invalid = |name: &str, detail: &str| {
        let violation = Violation { pointer: name.to_owned(), detail: detail.to_owned() };
        Problem::invalid_query(vec![violation])
    };
    query.validate().map_err(|_| invalid("limit", "must be 1 to 100"))?;
    let limit = query.limit.unwrap_or(20);
    let after = match query.cursor.as_deref().map(Cursor::decode) {
        Some(None) => return Err(invalid("cursor", "must be the value of next of an earlier page")),
        Some(after) => after,
        None => None,
    };
    let owner = person.clone();
    // One more than asked for shows whether there is a next page.
    let mut notes =
        api.store.read(&person.actor(), move |tx| store::page(tx, &owner, after.as_ref(), limit + 1)).await?;
    let more = notes.len() > limit as usize;
    notes.truncate(limit as usize);
    let next =
        notes.last().filter(|_| more).map(|last| Cursor { created_at: last.created_at, id: last.id.clone() });
    let items = notes.into_iter().map(Note::from).collect();
    Ok(Json(NotePage { items, next: next.map(|cursor| cursor.encode()) }))
}

/// Add a note.
#[utoipa::path(
    post, path = "/v1/notes", tag = "notes", request_body = NoteText, security(("oidc" = ["notes.write"])),
    responses(
        (status = 201, description = "The note, with its ETag and Location", body = Note),
        (status = 422, description = "The note is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Can { person, .. }: Can<can::WriteNotes>,
    ApiJson(text): ApiJson<NoteText>,
) -> Result<Response, Problem> {
    text.validate()?;
    let now = api.clock.now();
    let note = Stored {
        id: api.random.id(),
        title: text.title,
        body: text.body,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let owner = person.clone();
    let note = api
        .store
        .write(&person.actor(), move |tx| {
            // The owner's other requests wait that count the notes too.
            users::lock_id(tx, owner.user_id())?;
            if store::count(tx, &owner)? >= MOST_NOTES {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "too-many-notes",
                    "There is no room for more notes",
                )
                .detail(format!("An account holds {MOST_NOTES} notes. Delete some first.")));
            }
            store::insert(tx, &owner, &note)?;
            record(tx, "note.created", &note.id, now)?;
            Ok(note)
        })
        .await?;
    let location = HeaderValue::try_from(format!("/v1/notes/{}", note.id)).expect("an id is base64url");
    Ok((StatusCode::CREATED, [(LOCATION, location), (ETAG, etag::of(note.version))], Json(Note::from(note)))
        .into_response())
}

/// Read a note.
#[utoipa::path(
    get, path = "/v1/notes/{id}", tag = "notes", params(("id" = String, Path, description = "The note's id")),
    security(("oidc" = ["notes.read"])),
    responses(
        (status = 200, description = "The note, with its ETag", body = Note),
        (status = 304, description = "If-None-Match names the current version"),
        (status = 404, description = "There is no such note of this person", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Can { person, .. }: Can<can::ReadNotes>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let owner = person.clone();
    let note = api.store.read(&person.actor(), move |tx| find(tx, &owner, &id)).await?;
    let tag = [(ETAG, etag::of(note.version))];
    if etag::is_known(&headers, note.version)? {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, Json(Note::from(note))).into_response())
}

/// Change a note.
#[utoipa::path(
    put, path = "/v1/notes/{id}", tag = "notes", request_body = NoteText,
    params(("id" = String, Path, description = "The note's id"), ("If-Match" = String, Header, description = "The ETag of the version that is changed")),
    security(("oidc" = ["notes.write"])),
    responses(
        (status = 200, description = "The note as it is now, with its new ETag", body = Note),
        (status = 404, description = "There is no such note of this person", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The note was changed since", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The note is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn replace(
    State(api): State<Arc<Api>>,
    Can { person, .. }: Can<can::WriteNotes>,
    Path(id): Path<String>,
    headers: HeaderMap,
    ApiJson(text): ApiJson<NoteText>,
) -> Result<Response, Problem> {
    let expected = Expected::read(&headers)?.ok_or_else(precondition_required)?;
    text.validate()?;
    let (owner, now) = (person.clone(), api.clock.now());
    let note = api
        .store
        .write(&person.actor(), move |tx| {
            let old = find_to_change(tx, &owner, &id)?;
            if !expected.accepts(old.version) {
                return Err(precondition_failed());
            }
            let note = Stored {
                title: text.title,
                body: text.body,
                version: old.version + 1,
                updated_at: now,
                ..old
            };
            if !store::update(tx, &owner, &note)? {
                return Err(precondition_failed());
            }
            record(tx, "note.changed", &note.id, now)?;
            Ok(note)
        })
        .await?;
    Ok(([(ETAG, etag::of(note.version))], Json(Note::from(note))).into_response())
}

/// Delete a note.
#[utoipa::path(
    delete, path = "/v1/notes/{id}", tag = "notes",
    params(("id" = String, Path, description = "The note's id"), ("If-Match" = Option<String>, Header, description = "The ETag of the version that is deleted; without it, whichever")),
    security(("oidc" = ["notes.delete"])),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is no such note of this person", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The note was changed since", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Can { person, .. }: Can<can::DeleteNotes>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let expected = Expected::read(&headers)?.unwrap_or(Expected::Any);
    let (owner, now) = (person.clone(), api.clock.now());
    api.store
        .write(&person.actor(), move |tx| {
            let note = find_to_change(tx, &owner, &id)?;
            if !expected.accepts(note.version) {
                return Err(precondition_failed());
            }
            store::delete(tx, &owner, &id)?;
            Ok::<_, Problem>(record(tx, "note.deleted", &id, now)?)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The owner's note; anybody else's looks as if it were not there.
fn find(tx: &mut dyn Tx, owner: &AuthContext, id: &str) -> Result<Stored, Problem> {
    store::find(tx, owner, id)?.ok_or_else(Problem::not_found)
}

/// The same, locked until the change is committed.
fn find_to_change(tx: &mut dyn Tx, owner: &AuthContext, id: &str) -> Result<Stored, Problem> {
    store::find_to_change(tx, owner, id)?.ok_or_else(Problem::not_found)
}

/// Records a change, in the transaction that makes it.
fn record(tx: &mut dyn Tx, event: &'static str, id: &str, now: Timestamp) -> Result<(), StoreError> {
    audit::append(tx, now, Event::new(event).detail(serde_json::json!({ "note": id })))
}

fn precondition_required() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_REQUIRED,
        "precondition-required",
        "Say which version you are changing",
    )
    .detail("Send the note's ETag as If-Match, so that nobody's change is lost.")
}

fn precondition_failed() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", "The note was changed since")
        .detail("Read it again, and repeat your change on what it says now.")
}

impl From<Stored> for Note {
    fn from(note: Stored) -> Self {
        Self {
            id: note.id,
            title: note.title,
            body: note.body,
            created_at: rfc3339(note.created_at),
            updated_at: rfc3339(note.updated_at),
        }
    }
}

fn rfc3339(at: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.millis()) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .expect("the store holds times of this age")
}

fn one_line(text: &str, _: &()) -> garde::Result {
    if text.chars().any(char::is_control) {
        Err(garde::Error::new("must be one line, without control characters"))
    } else {
        Ok(())
    }
}

fn no_null(text: &str, _: &()) -> garde::Result {
    // Postgres can't store it.
    if text.contains('\0') { Err(garde::Error::new("must not have the character U+0000")) } else { Ok(()) }
}
