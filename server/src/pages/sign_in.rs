//! The sign-in page.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::addresses::continue_url;
use super::failures::{expired, unavailable};
use super::state::Pages;
use crate::access::Anonymous;
use crate::accounts::cookies::Cookie;
use crate::accounts::{Password, csrf, users};
use crate::audit::{self, Event};
use crate::limits::{ClientAddress, Limit, Limited};
use crate::oauth::{clients, requests};
use crate::web::{ContentSecurity, Surface, page};
use moorline_server_store::StoreError;

/// `?request=…`, or nothing: then signing in leads to the front page.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    request: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SignInForm {
    request: Option<String>,
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    username: String,
    password: Option<Password>,
}

/// What the page needs to know about the request that brought the person here.
struct Purpose {
    request: Option<String>,
    client_name: Option<String>,
    login_hint: Option<String>,
    security: ContentSecurity,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    host: &'a str,
    csrf: &'a str,
    client_name: Option<&'a str>,
    request: Option<&'a str>,
    username: &'a str,
    problem: Option<&'a str>,
    /// Whether the fields themselves are at fault.
    wrong: bool,
}

/// `GET /sign-in`
pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    anonymous: Anonymous,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let purpose = match purpose(&pages, anonymous, asked.request).await {
        Ok(purpose) => purpose,
        Err(response) => return response,
    };
    let username = purpose.login_hint.clone().unwrap_or_default();
    render(&pages, &headers, &purpose, &username, None)
}

/// `POST /sign-in`
pub(super) async fn submit(
    State(pages): State<Arc<Pages>>,
    anonymous: Anonymous,
    address: ClientAddress,
    headers: HeaderMap,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Response {
    let form = match form {
        Ok(Form(form)) => form,
        Err(rejection) => return Surface::Browser.error(rejection.status()),
    };
    let purpose = match purpose(&pages, anonymous, form.request).await {
        Ok(purpose) => purpose,
        Err(response) => return response,
    };
    let username = form.username.trim();
    let again = |problem| render(&pages, &headers, &purpose, username, Some(problem));
    let visit = Cookie::Visit.read(pages.issuer(), &headers);
    if !visit.is_some_and(|visit| csrf::matches(&pages.keys, &visit, &form.csrf)) {
        return again(Problem::Stale);
    }
    if let Err(limited) = within_limits(&pages, address, username) {
        return again(Problem::Limited(limited));
    }
    let password = form.password.unwrap_or_else(|| Password::new(""));
    let attempt = Attempt { anonymous, username: username.to_owned(), password };
    match attempt.authenticate(&pages, &headers).await {
        Ok(Some(cookie)) => signed_in(&pages, &cookie, purpose.request.as_deref()),
        Ok(None) => again(Problem::Wrong),
        Err(error) => unavailable(&error),
    }
}

fn within_limits(pages: &Pages, address: ClientAddress, username: &str) -> Result<(), Limited> {
    // The account first: attempts on one account take nothing from others behind the same address.
    pages.limits.check(Limit::SignInAccount, &users::normalize(username))?;
    pages.limits.check_address(Limit::SignInAddress, address)
}

/// Somebody who says who they are, and a password to prove it.
struct Attempt {
    anonymous: Anonymous,
    username: String,
    password: Password,
}

impl Attempt {
    /// The cookie of a new session, or `None` if the account does not exist or the password is wrong. Neither the
    /// answer nor its time shows which.
    async fn authenticate(
        self,
        pages: &Pages,
        headers: &HeaderMap,
    ) -> Result<Option<Zeroizing<String>>, StoreError> {
        let Self { anonymous, username, password } = self;
        let actor = anonymous.actor("somebody signs in");
        let user = pages.store.read(&actor, move |tx| users::find_by_username(tx, &username)).await?;
        let stored = user.as_ref().and_then(users::User::stored_password);
        let right = pages.passwords.verify(password, stored).await;
        let now = pages.clock.now();
        let pseudonym = user.as_ref().map(|user| pages.keys.pseudonym(&user.id));
        let event = |name| Event { actor: pseudonym.clone(), ..Event::new(name) };
        let Some(user) = user.filter(|_| right) else {
            let event = event("sign_in.failed");
            pages.store.write(&actor, move |tx| audit::append(tx, now, event)).await?;
            return Ok(None);
        };
        let cookie = pages.random.secret();
        let (new, old) = (cookie.clone(), Cookie::Session.read(pages.issuer(), headers));
        let event = event("sign_in.succeeded");
        let browsers = pages.browsers.clone();
        pages
            .store
            .write(&actor, move |tx| {
                let old = old.as_ref().map(|old| old.as_str());
                browsers.begin(tx, &user.id, &new, old, now)?;
                audit::append(tx, now, event)
            })
            .await?;
        Ok(Some(cookie))
    }
}

fn signed_in(pages: &Pages, cookie: &str, request: Option<&str>) -> Response {
    let next = match request {
        Some(request) => continue_url(request),
        None => "/".to_owned(),
    };
    let mut response = Redirect::to(&next).into_response();
    let issuer = pages.issuer();
    response.headers_mut().append(SET_COOKIE, Cookie::Session.set(issuer, cookie));
    // The next sign-in form gets a token of its own.
    response.headers_mut().append(SET_COOKIE, Cookie::Visit.clear(issuer));
    response
}

/// Looks up what the sign-in is for. `Err` is the page to show instead.
async fn purpose(pages: &Pages, anonymous: Anonymous, request: Option<String>) -> Result<Purpose, Response> {
    let Some(id) = request else {
        let security = ContentSecurity::form();
        return Ok(Purpose { request: None, client_name: None, login_hint: None, security });
    };
    let now = pages.clock.now();
    let found = pages
        .store
        .read(&anonymous.actor("the sign-in page names the app"), move |tx| {
            let Some(request) = requests::load(tx, &id, now)? else { return Ok(None) };
            let name = clients::find(tx, &request.client_id)?.map(|client| client.name);
            Ok(Some((request, name)))
        })
        .await
        .map_err(|error: StoreError| unavailable(&error))?;
    let Some((request, client_name)) = found else { return Err(expired()) };
    Ok(Purpose {
        security: ContentSecurity::form_returning_to(&request.redirect_uri),
        request: Some(request.id),
        client_name,
        login_hint: request.login_hint,
    })
}

/// Why the form is shown again.
#[derive(Clone, Copy)]
enum Problem {
    Wrong,
    Stale,
    Limited(Limited),
}

impl Problem {
    const fn status(self) -> StatusCode {
        match self {
            Self::Wrong => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Stale => StatusCode::FORBIDDEN,
            Self::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Wrong => "That user name and password don’t match. Check both and try again.".to_owned(),
            Self::Stale => "This page had been open for too long. Please try again.".to_owned(),
            Self::Limited(limited) => {
                format!(
                    "Too many attempts. Please wait {} seconds, then try again.",
                    limited.retry_after_seconds()
                )
            }
        }
    }
}

fn render(
    pages: &Pages,
    headers: &HeaderMap,
    purpose: &Purpose,
    username: &str,
    problem: Option<Problem>,
) -> Response {
    let issuer = pages.issuer();
    // A browser with several forms open keeps one cookie, so that all of them stay good.
    let kept = Cookie::Visit.read(issuer, headers);
    let visit = kept.clone().unwrap_or_else(|| pages.random.secret());
    let words = problem.map(Problem::words);
    let template = SignInPage {
        host: pages.host(),
        csrf: &csrf::token(&pages.keys, &visit),
        client_name: purpose.client_name.as_deref(),
        request: purpose.request.as_deref(),
        username,
        problem: words.as_deref(),
        wrong: matches!(problem, Some(Problem::Wrong)),
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    let mut response = page(status, &template, purpose.security.clone());
    if kept.is_none() {
        response.headers_mut().append(SET_COOKIE, Cookie::Visit.set(issuer, &visit));
    }
    if let Some(Problem::Limited(limited)) = problem {
        response.headers_mut().insert(RETRY_AFTER, limited.retry_after_seconds().into());
    }
    response
}
