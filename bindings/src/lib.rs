//! The UniFFI surface of Moorline's SDK: what the Kotlin and Swift libraries call.
//!
//! It is thin on purpose. Types here mirror the SDK's in forms that UniFFI can carry, and functions pass straight
//! through. Decisions are made in `moorline`; what is idiomatic in a language is in `bindings/kotlin` and
//! `bindings/swift`. Apps never see these names: the generated code is internal to those libraries.
//!
//! Rules for everything exported:
//!
//! - Calls are coarse and objects are few: [`Client`], [`Accounts`], [`StateWatch`], [`AccountWatch`],
//!   [`Cancellation`], [`LoopbackReceiver`], and the app's own [`AppKeyStore`], [`AppCriticalSections`], [`AppSigner`],
//!   [`AppTrust`], [`AppProxySelector`] and [`AppLogger`].
//! - A caller can stop waiting for any `async` function, by dropping its future (Kotlin does) or through a
//!   [`Cancellation`] (Swift's own cancellation does not reach Rust). The work goes on inside the SDK, so that a
//!   refresh is never interrupted half-way.
//! - An error crosses with all that the SDK says about it, in one direction only: see [`ClientError`].
//! - No panic and no foreign exception crosses as anything but an error.

mod accounts;
mod adopt;
mod cancellation;
mod client;
mod configuration;
mod critical_sections;
mod device_sign_in;
mod error;
mod held_token;
mod http;
mod key_store;
mod logging;
mod loopback;
mod platform;
mod proxy_selector;
mod session;
mod sign_in;
mod signer;
mod step_up;
mod trust;

pub use accounts::{AccountInfo, AccountWatch, Accounts};
pub use adopt::AdoptOptions;
pub use cancellation::Cancellation;
pub use client::Client;
pub use configuration::{ClientConfiguration, HostPins, Parameter};
pub use critical_sections::{AppCriticalSections, AppCriticalSectionsError, Expiry};
pub use device_sign_in::{DeviceAuthorization, DeviceSignInOptions};
pub use error::{
    ClientError, ErrorKind, ReauthReason, Retry, SignedOutReason, StorageLostReason,
    StorageUnavailableReason, Vocabulary,
};
pub use held_token::{HeldAccessToken, held_token_lifetime_ms};
pub use http::{HeaderField, HttpRequest, HttpResponse};
pub use key_store::{AppKeyStore, AppKeyStoreError};
pub use logging::{AppLogger, AppLoggerError, LogEvent, LogField, LogLevel, set_logger};
pub use loopback::{LoopbackHost, LoopbackReceiver};
pub use platform::{ClientPlatform, KeyLocation};
pub use proxy_selector::{AppProxySelector, AppProxySelectorError};
pub use session::{
    AccessToken, AccessTokenOptions, Authentication, RequestHeaders, SessionInfo, SessionState, StateWatch,
    TokenType, User,
};
pub use sign_in::{
    AuthorizationRequest, EndSessionRequest, RevocationOutcome, SignInOptions, SignOutOptions, SignOutOutcome,
};
pub use signer::{AppSigner, AppSignerError};
pub use step_up::StepUp;
pub use trust::{AppTrust, AppTrustError};

uniffi::setup_scaffolding!();
