//! The UniFFI surface of Moorline's SDK: what Kotlin and Swift call.
//!
//! It is thin on purpose. Types here mirror the SDK's in the forms that UniFFI can carry, and functions pass straight
//! through; whatever decides something is in `moorline`, and whatever is idiomatic is in `bindings/kotlin` and
//! `bindings/swift`. Apps never see these names: the generated code is an internal part of those libraries.
//!
//! Three rules hold for everything exported:
//!
//! - Calls are coarse and objects are few ([`Client`], [`StateWatch`], [`Cancellation`], and the app's own
//!   [`AppKeyStore`]): a call through JNA costs tens of microseconds.
//! - Every `async` function can be given up on, by dropping its future (Kotlin does) or through a [`Cancellation`]
//!   (Swift's cancellation doesn't reach Rust). The work goes on inside the SDK, so a refresh is never cut in half.
//! - No panic and no foreign exception crosses as anything but an error.

mod cancellation;
mod client;
mod configuration;
mod error;
mod http;
mod key_store;
mod session;
mod sign_in;

pub use cancellation::Cancellation;
pub use client::Client;
pub use configuration::{ClientConfiguration, Parameter, PinnedHost};
pub use error::{ClientError, ReauthReason, SignedOutReason, StorageLostReason};
pub use http::{HeaderField, HttpRequest, HttpResponse};
pub use key_store::{AppKeyStore, AppKeyStoreError};
pub use session::{AccessToken, RequestHeaders, SessionInfo, SessionState, StateWatch, TokenType, User};
pub use sign_in::{AuthorizationRequest, SignInOptions, SignOut};

uniffi::setup_scaffolding!();
