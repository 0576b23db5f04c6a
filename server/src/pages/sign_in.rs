//! The sign-in page.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::addresses::continue_url;
use super::attempt::{Attempt, NewCookies, Outcome};
use super::failures::{expired, unavailable};
use super::state::Pages;
use crate::access::Anonymous;
use crate::accounts::cookies::Cookie;
use crate::accounts::devices::Devices;
use crate::accounts::tries::TryError;
use crate::accounts::{Password, csrf, users};
use crate::limits::{ClientAddress, Limit, Limited};
use crate::oauth::clients;
use crate::oauth::requests;
use crate::web::{ContentSecurity, Surface, after_form, page};
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
    let attempt = Attempt {
        anonymous,
        username: username.to_owned(),
        password: form.password.unwrap_or_else(|| Password::new("")),
        request: purpose.request.clone(),
        devices: Devices::read(pages.issuer(), &headers),
        address,
    };
    match attempt.authenticate(&pages, &headers).await {
        Ok(Outcome::SignedIn(cookies)) => signed_in(&pages, &cookies, &purpose),
        Ok(Outcome::Wrong) => again(Problem::Wrong),
        Ok(Outcome::Disabled) => again(Problem::Disabled),
        Err(TryError::Limited(limited)) => again(Problem::Limited(limited)),
        Err(TryError::Store(error)) => unavailable(&error),
    }
}

/// What can be refused without the database.
async fn within_limits(pages: &Pages, address: ClientAddress, username: &str) -> Result<(), Limited> {
    // The account first: attempts on one account take nothing from others behind the same address. Nor from those who
    // sign in to the same account from elsewhere.
    let from = address.limit_key().unwrap_or_default();
    let key = format!("{from} {}", users::counted_name(username));
    pages.limits.check(Limit::SignInAccount, &key).await?;
    pages.limits.check_address(Limit::SignInAddress, address).await
}

fn signed_in(pages: &Pages, cookies: &NewCookies, purpose: &Purpose) -> Response {
    let mut response = match (&purpose.request, &purpose.redirect_uri) {
        (Some(request), Some(redirect_uri)) => after_form(&continue_url(request), redirect_uri),
        _ => Redirect::to("/").into_response(),
    };
    // The cookie of the form stays: a form in another tab has to be good for as long as its page is open.
    response.headers_mut().append(SET_COOKIE, Cookie::Session.set(pages.issuer(), &cookies.session));
    response.headers_mut().append(SET_COOKIE, Cookie::Devices.set(pages.issuer(), &cookies.devices));
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
            Self::Limited(limited) => match limited.retry_after_seconds() {
                seconds @ ..120 => {
                    format!("Too many attempts. Please wait {seconds} seconds, then try again.")
                }
                seconds => format!(
                    "Too many attempts. Please wait {} minutes, then try again. If you have signed in with another \
                     browser before, you can use that one now.",
                    seconds.div_ceil(60)
                ),
            },
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
