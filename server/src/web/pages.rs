//! Pages for people: rendering, and the page that says what went wrong.

use askama::Template;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;

use super::assets::{ICON_PATH, STYLE_PATH};
use super::headers::{ContentSecurity, app_scheme};

/// Renders a page with this status and its content security policy.
pub fn page(status: StatusCode, template: &impl Template, security: ContentSecurity) -> Response {
    match template.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            response.extensions_mut().insert(security);
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says that something did not work: shown here, never redirected (RFC 6749 §4.1.2.1).
pub fn error_page(status: StatusCode, title: &str, message: &str) -> Response {
    page(status, &ErrorPage { title, message }, ContentSecurity::default())
}

/// The paths of style sheet and icon, for the templates.
#[derive(Clone, Copy, Debug)]
pub struct Assets;

impl Assets {
    /// The style sheet.
    pub fn style(self) -> &'static str {
        &STYLE_PATH
    }

    /// The icon.
    pub fn icon(self) -> &'static str {
        &ICON_PATH
    }
}

/// Leads a user on from a form to `next`, and by way of it to this redirect URI.
///
/// Chromium checks each redirect after a form against the page's `form-action`, also those of the client's own server.
/// Where the client is a web address, a page that goes on by itself is the answer, so that what follows is no longer
/// the form's.
pub fn after_form(next: &str, redirect_uri: &str) -> Response {
    if app_scheme(redirect_uri).is_some() {
        return Redirect::to(next).into_response();
    }
    page(StatusCode::OK, &OnwardPage { next }, ContentSecurity::default())
}

#[derive(Template)]
#[template(path = "onward.html")]
struct OnwardPage<'a> {
    next: &'a str,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    message: &'a str,
}
