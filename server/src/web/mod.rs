//! What an answer looks like: pages, the bodies of errors, the security headers, the style sheet and the icon.

mod assets;
mod errors;
mod headers;
mod pages;
mod problem;

pub use assets::{ICON_PATH, STYLE_PATH, routes};
pub use errors::{ErrorForm, HEALTHZ, READYZ, Surface, is_probe};
pub use headers::{ContentSecurity, RequestId, security_headers};
pub use pages::{Assets, after_form, error_page, page};
pub use problem::{ApiJson, ApiQuery, Problem, Violation};
