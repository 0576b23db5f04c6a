//! Moorline keeps people signed in, safely.
//!
//! An app makes a [`Configuration`] and a [`Platform`], holds one [`Moorline`], and asks it for what it needs: to sign
//! somebody in ([`Moorline::start_sign_in`], [`Moorline::finish_sign_in`]), for an access token
//! ([`Moorline::access_token`]), to send a request with one ([`Moorline::send`]), and to sign out
//! ([`Moorline::sign_out`]). The crate works against any conforming OpenID provider.
//!
//! One promise leads the whole design: **a session is never lost by accident, and a stolen token is never of use.**
//! A refresh is journalled before it is sent, its successor is on disk before the access token is handed out, and
//! only the provider's own `invalid_grant`, checked against the vault once more, ends a session.
//!
//! Every `async` function works under any executor: the work runs on the SDK's own threads, and a caller that stops
//! waiting never stops it half-way.

mod client;
mod configuration;
mod crypto;
mod discovery;
mod dpop;
mod error;
mod http;
mod login;
mod net;
mod platform;
mod runtime;
mod session;
#[cfg(test)]
mod testing;
mod token;
mod vault;

pub use client::{Moorline, SignOut};
pub use configuration::{Configuration, ConfigurationBuilder, HostPins};
pub use error::{Error, ReauthReason, SignedOutReason, StorageLostReason};
pub use http::{HttpRequest, HttpResponse};
#[cfg(not(any(target_os = "android", target_os = "ios")))]
pub use login::LoopbackReceiver;
pub use login::{AuthorizationRequest, SignInOptions};
pub use platform::{
    Clock, InsecureFileKeyStore, KeyStore, KeyStoreError, MemoryKeyStore, Platform, PlatformKeyStore,
    SecretKey, SystemClock,
};
#[doc(hidden)]
pub use session::decision;
pub use session::{AccessToken, RequestHeaders, SessionInfo, SessionState, SessionStates, TokenType, User};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
