//! The style sheet and the icon: part of the binary, named by their content, so that caches may keep them without a
//! time limit.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use moorline_server_base::digest::sha256;

const STYLE: &str = include_str!("../../assets/moorline.css");
const ICON: &str = include_str!("../../assets/icon.svg");

/// Where the style sheet is.
pub static STYLE_PATH: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| named(STYLE, "css"));
/// Where the icon is.
pub static ICON_PATH: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| named(ICON, "svg"));

/// The routes of both.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(&STYLE_PATH, get(|| async { asset(STYLE, "text/css; charset=utf-8") }))
        .route(&ICON_PATH, get(|| async { asset(ICON, "image/svg+xml") }))
}

fn named(content: &str, extension: &str) -> String {
    let name: String = sha256(content.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/{name}.{extension}")
}

fn asset(content: &'static str, kind: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")], content).into_response()
}
