//! Requests that carry the access token.

mod client;
mod message;
mod request_headers;
mod step_up;
mod user_info;

pub(crate) use self::client::ApiClient;
pub use self::message::{HttpRequest, HttpResponse};
pub use self::request_headers::RequestHeaders;
