//! Everything that goes over the network goes through [`Transport`]: one HTTP client, on a TLS configuration of our
//! own, with no redirects, no cookies, and limits on time and size.

mod awake;
mod cause;
pub(crate) mod challenges;
mod clients;
pub(crate) mod encoding;
mod error;
mod foreign_trust;
mod headers;
mod ingredients;
mod proxies;
mod roots;
mod selected_proxies;
mod tls;
mod transport;
mod verifier;

#[cfg(test)]
mod tests;

pub(crate) use self::challenges::challenges;
pub(crate) use self::error::NetError;
pub use self::error::untrusted_reason;
pub use self::headers::wait_asked;
pub(crate) use self::headers::{LONGEST_WAIT, date, retry_after, texts, wants_other_token};
#[cfg(test)]
pub(crate) use self::ingredients::Watch;
pub(crate) use self::transport::{Request, Response, Transport};
pub use self::{cause::Way, proxies::Proxies};
