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
use crate::oauth::clients;
use crate::oauth::requests::{self, Act, Decision};
use crate::web::{ContentSecurity, Surface, after_form, page};
use moorline_server_base::clock::Timestamp;
use moorline_server_store::{Actor, StoreError};

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
#[derive(Default)]
struct Purpose {
    request: Option<String>,
    redirect_uri: Option<String>,
    client_name: Option<String>,
    login_hint: Option<String>,
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
    if let Err(limited) = within_limits(&pages, address, username).await {
        return again(Problem::Limited(limited));
    }
    let password = form.password.unwrap_or_else(|| Password::new(""));
    let request = purpose.request.clone();
    let attempt = Attempt { anonymous, username: username.to_owned(), password, request };
    match attempt.authenticate(&pages, &headers).await {
        Ok(Outcome::SignedIn(cookie)) => signed_in(&pages, &cookie, &purpose),
        Ok(Outcome::Wrong) => again(Problem::Wrong),
        Ok(Outcome::Disabled) => again(Problem::Disabled),
        Err(error) => unavailable(&error),
    }
}

async fn within_limits(pages: &Pages, address: ClientAddress, username: &str) -> Result<(), Limited> {
    // The account first: attempts on one account take nothing from others behind the same address.
    pages.limits.check(Limit::SignInAccount, &users::normalize(username)).await?;
    pages.limits.check_address(Limit::SignInAddress, address).await
}

/// Somebody who says who they are, and a password to prove it.
struct Attempt {
    anonymous: Anonymous,
    username: String,
    password: Password,
    /// The authorization request that the sign-in is for.
    request: Option<String>,
}

/// How an attempt ends.
enum Outcome {
    /// With a new session, of this cookie.
    SignedIn(Zeroizing<String>),
    /// The account does not exist, or the password is wrong. Neither the answer nor its time shows which.
    Wrong,
    /// The password is right, and an operator keeps the user out.
    Disabled,
}

impl Attempt {
    /// Checks the password, and begins a session if it is right and the user may sign in.
    async fn authenticate(self, pages: &Pages, headers: &HeaderMap) -> Result<Outcome, StoreError> {
        let Self { anonymous, username, password, request } = self;
        let actor = anonymous.actor("somebody signs in");
        let user = pages.store.read(&actor, move |tx| users::find_by_username(tx, &username)).await?;
        let stored = user.as_ref().and_then(users::User::stored_password);
        let right = pages.passwords.verify(password, stored.clone()).await;
        let now = pages.clock.now();
        let pseudonym = user.as_ref().map(|user| pages.keys.pseudonym(&user.id));
        let event = |name| Event { actor: pseudonym.clone(), ..Event::new(name) };
        let Some(user) = user.filter(|_| right) else {
            match pseudonym {
                Some(_) => audit_failure(pages, actor, event("sign_in.failed"), now),
                // A row for each name that nobody has would let a stranger fill the disk.
                None => audit::count(audit::Unproved::UnknownUser),
            }
            return Ok(Outcome::Wrong);
        };
        let cookie = pages.random.secret();
        let (new, old) = (cookie.clone(), Cookie::Session.read(pages.issuer(), headers));
        let (succeeded, refused) = (event("sign_in.succeeded"), event("sign_in.disabled"));
        let browsers = pages.browsers.clone();
        let begun = pages
            .store
            .write(&actor, move |tx| {
                // Read again: the account may have been disabled, or have got another password, while this one was
                // checked.
                let now_stored = users::lock(tx, &user.id)?.filter(|user| !user.is_disabled());
                if now_stored.is_none_or(|user| user.stored_password() != stored) {
                    return audit::append(tx, now, refused).map(|()| false);
                }
                let old = old.as_ref().map(|old| old.as_str());
                browsers.begin(tx, &user.id, &new, old, now)?;
                if let Some(id) = request {
                    requests::decide(tx, &id, &Decision { act: Act::SignIn, user_id: user.id })?;
                }
                audit::append(tx, now, succeeded).map(|()| true)
            })
            .await?;
        Ok(if begun { Outcome::SignedIn(cookie) } else { Outcome::Disabled })
    }
}

/// Stores that somebody failed to sign in to an account. The answer does not wait for it: it would take longer than for
/// an account that does not exist.
fn audit_failure(pages: &Pages, actor: Actor, event: Event, now: Timestamp) {
    let store = pages.store.clone();
    tokio::spawn(async move {
        if let Err(error) = store.write(&actor, move |tx| audit::append(tx, now, event)).await {
            tracing::error!(%error, "a failed sign-in could not be audited");
        }
    });
}

fn signed_in(pages: &Pages, cookie: &str, purpose: &Purpose) -> Response {
    let mut response = match (&purpose.request, &purpose.redirect_uri) {
        (Some(request), Some(redirect_uri)) => after_form(&continue_url(request), redirect_uri),
        _ => Redirect::to("/").into_response(),
    };
    // The cookie of the form stays: a form in another tab has to be good for as long as its page is open.
    response.headers_mut().append(SET_COOKIE, Cookie::Session.set(pages.issuer(), cookie));
    response
}

/// Looks up what the sign-in is for. `Err` is the page to show instead.
async fn purpose(pages: &Pages, anonymous: Anonymous, request: Option<String>) -> Result<Purpose, Response> {
    let Some(id) = request else { return Ok(Purpose::default()) };
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
        request: Some(request.id),
        redirect_uri: Some(request.redirect_uri),
        client_name,
        login_hint: request.login_hint,
    })
}

/// Why the form is shown again.
#[derive(Clone, Copy)]
enum Problem {
    Wrong,
    Disabled,
    Stale,
    Limited(Limited),
}

impl Problem {
    const fn status(self) -> StatusCode {
        match self {
            Self::Wrong => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Stale | Self::Disabled => StatusCode::FORBIDDEN,
            Self::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Wrong => "That user name and password don’t match. Check both and try again.".to_owned(),
            Self::Disabled => {
                "This account is disabled. Ask the people who run this service to enable it.".to_owned()
            }
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
    let security = match &purpose.redirect_uri {
        Some(redirect_uri) => ContentSecurity::form_returning_to(redirect_uri),
        None => ContentSecurity::form(),
    };
    let mut response = page(status, &template, security);
    if kept.is_none() {
        response.headers_mut().append(SET_COOKIE, Cookie::Visit.set(issuer, &visit));
    }
    if let Some(Problem::Limited(limited)) = problem {
        response.headers_mut().insert(RETRY_AFTER, limited.retry_after_seconds().into());
    }
    response
}
