//! The front page, which is also where signing out ends.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::consent::{initial, query};
use super::cookies::Cookie;
use super::sessions::{self, browser_session};
use super::sign_in::{host, unavailable};
use super::users;
use crate::access::AuthContext;
use crate::audit::{self, Event};
use crate::http::pages::{error_page, page};
use crate::http::{ContentSecurity, Surface};
use crate::state::AppState;
use crate::store::Actor;

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
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(arrival): Query<Arrival>,
) -> Response {
    let session = match browser_session(&state, &headers).await {
        Ok(session) => session,
        Err(error) => return unavailable(&error),
    };
    let user = match &session {
        None => None,
        Some(session) => {
            let id = session.user_id().to_owned();
            let actor = Actor::Person(AuthContext::from_browser_session(session));
            match state.store.read(&actor, move |tx| users::find_by_id(tx, &id)).await {
                Ok(user) => user.map(|user| Person {
                    name: user.display_name().to_owned(),
                    initial: initial(user.display_name()),
                    username: user.username,
                    email: user.email,
                    csrf: session.form_token(&state.keys),
                }),
                Err(error) => return unavailable(&error),
            }
        }
    };
    let signed_out = arrival.signed_out.is_some() && user.is_none();
    page(StatusCode::OK, &HomePage { host: host(&state), user, signed_out }, ContentSecurity::form())
}

/// `POST /sign-out`: ends this browser's session. Apps stay signed in until they are signed out themselves.
pub(super) async fn sign_out(
    State(state): State<AppState>,
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
    let session = match browser_session(&state, &headers).await {
        Ok(Some(session)) => session,
        // Signed out already: in another tab, or by time.
        Ok(None) => return Redirect::to(&next).into_response(),
        Err(error) => return unavailable(&error),
    };
    if !session.served(&state.keys, &form.csrf) {
        return error_page(
            StatusCode::FORBIDDEN,
            "You are still signed in",
            "The button belonged to an earlier sign-in. Open the front page and sign out there.",
        );
    }
    let now = state.clock.now();
    let event = Event::new("sign_out").actor(state.keys.pseudonym(session.user_id()));
    let actor = Actor::Person(AuthContext::from_browser_session(&session));
    let ended = state.store.write(&actor, move |tx| {
        sessions::end(tx, session.cookie(), now)?;
        audit::append(tx, now, event)
    });
    if let Err(error) = ended.await {
        return unavailable(&error);
    }
    let mut response = Redirect::to(&next).into_response();
    response.headers_mut().append(SET_COOKIE, Cookie::Session.clear(&state.config.issuer));
    response
}
