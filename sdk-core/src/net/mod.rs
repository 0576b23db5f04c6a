//! Everything that goes over the network goes through [`Transport`]: one HTTP client, on a TLS configuration of our
//! own, with no redirects, no cookies, no proxy from the environment, and a bound on time and size.

mod error;
mod roots;
mod tls;
mod transport;
mod verifier;

#[cfg(test)]
mod attacks;
#[cfg(test)]
pub(crate) mod loopback;
#[cfg(test)]
mod tests;

pub(crate) use self::error::NetError;
pub(crate) use self::transport::{Request, Response, Transport};
