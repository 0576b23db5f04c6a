//! The front page, which is also where signing out ends.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::addresses::{initial, query};
use super::failures::unavailable;
use super::state::Pages;
use crate::access::AuthContext;
use crate::accounts::cookies::Cookie;
use crate::accounts::users;
use crate::audit::{self, Event};
use crate::web::{ContentSecurity, Surface, error_page, page};
use moorline_server_store::{StoreError, Tx};

#[derive(Debug, Deserialize)]
pub(super) struct Arrival {
    #[serde(rename = "signed-out")]
    signed_out: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SignOutForm {
    csrf: String,
    /// Sign in as somebody else and go on with this request.
    request: Option<String>,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    host: &'a str,
    user: Option<Person>,
    signed_out: bool,
}

struct Person {
    name: String,
    username: String,
    email: Option<String>,
    initial: String,
    csrf: String,
}

/// `GET /`
pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    headers: HeaderMap,
    Query(arrival): Query<Arrival>,
) -> Response {
    let session = match pages.browsers.find(&headers).await {
        Ok(session) => session,
        Err(error) => return unavailable(&error),
    };
    let user = match &session {
        None => None,
        Some(session) => {
            let id = session.user_id().to_owned();
            let actor = AuthContext::from_browser_session(session, &pages.keys).actor();
            match pages.store.read(&actor, move |tx| users::find_by_id(tx, &id)).await {
                Ok(user) => user.map(|user| Person {
                    name: user.display_name().to_owned(),
                    initial: initial(user.display_name()),
                    username: user.username,
                    email: user.email,
                    csrf: session.form_token(&pages.keys),
                }),
                Err(error) => return unavailable(&error),
            }
        }
    };
    let signed_out = arrival.signed_out.is_some() && user.is_none();
    page(StatusCode::OK, &HomePage { host: pages.host(), user, signed_out }, ContentSecurity::form())
}

/// `POST /sign-out`: ends this browser's session. Apps stay signed in until they are signed out themselves.
pub(super) async fn sign_out(
    State(pages): State<Arc<Pages>>,
    headers: HeaderMap,
    form: Result<Form<SignOutForm>, FormRejection>,
) -> Response {
    let form = match form {
        Ok(Form(form)) => form,
        Err(rejection) => return Surface::Browser.error(rejection.status()),
    };
    let next = match &form.request {
        Some(request) => format!("/sign-in?{}", query(request)),
        None => "/?signed-out=1".to_owned(),
    };
    let session = match pages.browsers.find(&headers).await {
        Ok(Some(session)) => session,
        // Signed out already: in another tab, or by time.
        Ok(None) => return Redirect::to(&next).into_response(),
        Err(error) => return unavailable(&error),
    };
    if !session.served(&pages.keys, &form.csrf) {
        return error_page(
            StatusCode::FORBIDDEN,
            "You are still signed in",
            "The button belonged to an earlier sign-in. Open the front page and sign out there.",
        );
    }
    let now = pages.clock.now();
    let event = Event::new("sign_out");
    let actor = AuthContext::from_browser_session(&session, &pages.keys).actor();
    let store = pages.store.clone();
    // A browser that is closed at once is signed out all the same.
    let ended = tokio::spawn(async move {
        let end = move |tx: &mut dyn Tx| {
            session.end(tx, now)?;
            audit::append(tx, now, event)
        };
        store.write(&actor, end).await
    });
    if let Err(error) = ended.await.unwrap_or(Err(StoreError::Panicked)) {
        return unavailable(&error);
    }
    let mut response = Redirect::to(&next).into_response();
    response.headers_mut().append(SET_COOKIE, Cookie::Session.clear(pages.issuer()));
    response
}
