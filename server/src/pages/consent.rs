//! The consent page: what an app asks for, in plain words, and two buttons.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use url::{Host, Url};

use super::addresses::{continue_url, initial, query};
use super::failures::{expired, unavailable};
use super::scopes::{self, Scope};
use super::state::Pages;
use crate::access::AuthContext;
use crate::accounts::BrowserSession;
use crate::accounts::users::{self, User};
use crate::oauth::clients::{self, Client};
use crate::oauth::consent::{self, ConsentError};
use crate::oauth::requests::{self, AuthorizationRequest};
use crate::web::{ContentSecurity, Surface, after_form, error_page, page};
use moorline_server_store::Actor;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    request: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ConsentForm {
    request: String,
    csrf: String,
    decision: Decision,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Allow,
    Deny,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    host: &'a str,
    csrf: &'a str,
    request: &'a str,
    client_name: &'a str,
    client_initial: String,
    user_name: &'a str,
    username: &'a str,
    user_initial: String,
    scopes: Vec<Scope>,
    destination: String,
    /// The scopes were allowed before: the user only confirms that this app is theirs.
    is_known: bool,
}

/// `GET /consent`
pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let session = match session(&pages, &headers, &asked.request).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    let (id, user_id, now) = (asked.request, session.user_id().to_owned(), pages.clock.now());
    let found = pages
        .store
        .read(&actor(&pages, &session), move |tx| {
            let Some(request) = requests::load(tx, &id, now)? else { return Ok(None) };
            let client = clients::find(tx, &request.client_id)?;
            let user = users::find_by_id(tx, &user_id)?;
            let granted = consent::granted(tx, &user_id, &request.client_id)?;
            Ok(client.zip(user).map(|(client, user)| Asking {
                is_known: consent::is_known(&request, &client, &granted),
                request,
                client,
                user,
            }))
        })
        .await;
    match found {
        Ok(Some(asking)) => render(&pages, &session, &asking),
        Ok(None) => expired(),
        Err(error) => unavailable(&error),
    }
}

/// `POST /consent`
pub(super) async fn submit(
    State(pages): State<Arc<Pages>>,
    headers: HeaderMap,
    form: Result<Form<ConsentForm>, FormRejection>,
) -> Response {
    let form = match form {
        Ok(Form(form)) => form,
        Err(rejection) => return Surface::Browser.error(rejection.status()),
    };
    let session = match session(&pages, &headers, &form.request).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    if !session.served(&pages.keys, &form.csrf) {
        return error_page(
            StatusCode::FORBIDDEN,
            "Please try that again",
            "The page belonged to an earlier sign-in. Go back to the app and start again.",
        );
    }
    let (id, user_id, now) = (form.request.clone(), session.user_id().to_owned(), pages.clock.now());
    let keys = pages.keys.clone();
    let actor = actor(&pages, &session);
    let decided = pages.store.write(&actor, move |tx| match form.decision {
        Decision::Allow => consent::allow(tx, &keys, &id, &user_id, now),
        Decision::Deny => consent::deny(tx, &keys, &id, &user_id, now),
    });
    match decided.await {
        Ok(request) => after_form(&continue_url(&request.id), &request.redirect_uri),
        Err(ConsentError::Gone) => expired(),
        Err(ConsentError::Store(error)) => unavailable(&error),
    }
}

/// The live session, or the way to the sign-in page.
async fn session(pages: &Pages, headers: &HeaderMap, request: &str) -> Result<BrowserSession, Response> {
    match pages.browsers.find(headers).await {
        Ok(Some(session)) => Ok(session),
        Ok(None) => Err(Redirect::to(&format!("/sign-in?{}", query(request))).into_response()),
        Err(error) => Err(unavailable(&error)),
    }
}

fn actor(pages: &Pages, session: &BrowserSession) -> Actor {
    AuthContext::from_browser_session(session, &pages.keys).actor()
}

/// Who asks whom for what.
struct Asking {
    request: AuthorizationRequest,
    client: Client,
    user: User,
    is_known: bool,
}

fn render(pages: &Pages, session: &BrowserSession, asking: &Asking) -> Response {
    let Asking { request, client, user, is_known } = asking;
    let template = ConsentPage {
        host: pages.host(),
        csrf: &session.form_token(&pages.keys),
        request: &request.id,
        client_name: &client.name,
        client_initial: initial(&client.name),
        user_name: user.display_name(),
        username: &user.username,
        user_initial: initial(user.display_name()),
        scopes: scopes::explain(&request.scope),
        destination: destination(&request.redirect_uri, &client.name),
        is_known: *is_known,
    };
    page(StatusCode::OK, &template, ContentSecurity::form_returning_to(&request.redirect_uri))
}

/// Where the person goes afterwards: a web address is named, since anybody can call an app anything.
fn destination(redirect_uri: &str, client_name: &str) -> String {
    let url = Url::parse(redirect_uri).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(host)) if host != "localhost" => host.to_owned(),
        _ => client_name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_address_is_named_and_an_app_goes_by_its_name() {
        assert_eq!(destination("https://notes.example.com/cb", "Notes"), "notes.example.com");
        assert_eq!(destination("http://127.0.0.1/cb", "Notes"), "Notes");
        assert_eq!(destination("com.example.notes:/signed-in", "Notes"), "Notes");
    }

    #[test]
    fn what_a_browser_sends_as_request_is_encoded() {
        assert_eq!(continue_url("a b&x=\r\n"), "/oauth/authorize/continue?request=a+b%26x%3D%0D%0A");
    }
}
