//! Moorline keeps users signed in, safely.
//!
//! An app makes a [`Configuration`] and a [`Platform`], holds one [`Moorline`], and calls it to sign a user in
//! ([`Moorline::start_sign_in`], [`Moorline::finish_sign_in`]), for an access token ([`Moorline::access_token`]), to
//! send a request with one ([`Moorline::send`]), and to sign out ([`Moorline::sign_out`]). The crate works with any
//! conforming OpenID provider.
//!
//! One promise leads the whole design: **a session is never lost by accident, and a stolen token is never of use.** A
//! refresh is journalled before it is sent, its successor is on disk before the access token is returned, and only the
//! provider ends a session.
//!
//! Every `async` function works under any executor: the work runs on the SDK's own threads, and a caller that stops
//! waiting never stops it half-way.

mod account;
mod accounts;
mod api;
mod authentication;
mod client;
mod configuration;
mod crypto;
mod diagnostics;
mod dpop;
mod error;
mod json;
mod logging;
mod net;
mod platform;
mod private_files;
mod provider;
mod runtime;
mod secret;
mod session;
mod sign_in;
mod state;
mod step_up;
mod time;
mod token_options;
mod user;
mod vault;
mod wiped;

/// Attacks on what the SDK reads, as tables.
#[cfg(test)]
#[path = "../attacks/mod.rs"]
mod attacks;
/// What the fuzz targets drive.
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
#[path = "../fuzzing/mod.rs"]
pub mod fuzzing;
/// A device, a provider and servers for the tests.
#[cfg(test)]
#[path = "../testing/mod.rs"]
mod testing;

/// For the command line's `check`, which tries a provider without a session: the SDK's proxies, waits and words.
#[doc(hidden)]
pub mod network {
    pub use crate::net::{Proxies, Way, untrusted_reason, wait_asked};
}

#[doc(hidden)]
pub use account::decision;
pub use account::{
    AccessToken, EndSessionRequest, IdToken, RevocationOutcome, SessionInfo, SignOutOptions, SignOutOutcome,
};
pub use accounts::{AccountInfo, AccountLists, Accounts};
pub use api::{HttpRequest, HttpResponse, RequestHeaders};
pub use authentication::Authentication;
pub use client::Moorline;
pub use configuration::{Configuration, ConfigurationBuilder, HostPins};
pub use crypto::SIGNATURE_ALGORITHMS;
pub use dpop::TokenType;
pub use error::{
    Error, ReauthReason, Retry, SignedOutReason, StorageLostReason, StorageUnavailableReason, Vocabulary,
};
pub use logging::{LogEvent, LogLevel, Logger, record_events, set_logger};
pub use platform::{
    CriticalSections, Expiry, InsecureFileKeyStore, KeyStore, KeyStoreError, MemoryKeyStore, Platform,
    PlatformKeyStore, ProxyAddress, ProxySelector, ProxySelectorError, SecretKey, Signer, SignerError,
    TrustError, TrustVerifier,
};
#[cfg(not(any(target_os = "android", target_os = "ios")))]
pub use sign_in::LoopbackReceiver;
pub use sign_in::{
    AdoptOptions, AuthorizationRequest, DeviceAuthorization, DeviceSignInOptions, SignInOptions,
};
pub use state::{SessionState, SessionStates};
pub use step_up::StepUp;
pub use time::{Clock, SystemClock};
pub use token_options::AccessTokenOptions;
pub use user::User;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
