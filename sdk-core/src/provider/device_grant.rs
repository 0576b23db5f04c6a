//! Answers to the requests of a device grant (RFC 8628).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::token_response::{TokenResponse, read_refusal, seconds, secret, text};
use crate::{
    configuration::Configuration, error::Error, json, net::Response, secret::Secret, wiped::WipedObject,
};

/// What the provider issued for a sign-in on another device (RFC 8628 §3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceGrant {
    pub(crate) device_code: Secret,
    pub(crate) user_code: Secret,
    pub(crate) verification_uri: String,
    /// The same with the user code in it.
    pub(crate) verification_uri_complete: Option<Secret>,
    /// How long to wait between two polls, in seconds.
    pub(crate) interval: u64,
}

/// A device code with what the user needs (RFC 8628 §3.2), checked.
#[derive(Debug)]
pub(crate) struct DeviceCodes {
    pub(crate) grant: DeviceGrant,
    pub(crate) expires_in: Duration,
}

/// What the token endpoint says about a device code (RFC 8628 §3.5).
#[derive(Debug)]
pub(crate) enum DeviceAnswer {
    /// The user has not decided yet.
    Pending,
    /// The same, and the interval grows.
    SlowDown,
    /// The user denied the request.
    Denied,
    /// The code has expired.
    Expired,
    /// As for any other grant.
    Tokens(TokenResponse),
}

impl DeviceCodes {
    /// Reads the response of the device authorization endpoint.
    ///
    /// # Errors
    /// [`Error::Refused`] for an error of OAuth and for an answer that cannot be used, [`Error::Offline`] for anything
    /// that is no answer of a provider's.
    pub(crate) fn read(response: &Response, configuration: &Configuration) -> Result<Self, Error> {
        let body = json::read::<WipedObject>(&response.body).filter(|_| response.status.is_success());
        if let Some(body) = body.filter(|body| !body.contains_key("error")) {
            return Self::of(&body, configuration);
        }
        let refusal = read_refusal(response, &[]).filter(|refusal| refusal.is_of_the_protocol());
        Err(refusal.map_or_else(Error::offline, Error::from))
    }

    fn of(body: &Map<String, Value>, configuration: &Configuration) -> Result<Self, Error> {
        let device_code = secret(body, "device_code").ok_or_else(|| unusable("device_code is missing"))?;
        let user_code = secret(body, "user_code").ok_or_else(|| unusable("user_code is missing"))?;
        let is_shown = |text: &str| text.len() <= LONGEST_USER_CODE && !text.chars().any(char::is_control);
        if !is_shown(user_code.expose()) {
            return Err(unusable("user_code is too long, or has control characters"));
        }
        // Some providers kept the name of a draft.
        let uri = text(body, "verification_uri").or_else(|| text(body, "verification_url"));
        let uri = uri.ok_or_else(|| unusable("verification_uri is missing"))?;
        let address = |uri: &str| {
            let url = Url::parse(uri).map_err(|error| error.to_string())?;
            configuration.check_address(&url).map(|()| url).map_err(|error| error.to_string())
        };
        let verification_uri =
            address(uri).map_err(|why| unusable(&format!("verification_uri is rejected: {why}")))?;
        let complete = text(body, "verification_uri_complete").map(address);
        let complete = complete.and_then(|complete| {
            complete
                .map_err(|why| {
                    tracing::warn!(why, "verification_uri_complete is unusable; it counts as absent")
                })
                .ok()
        });
        let expires_in = body.get("expires_in").and_then(seconds).unwrap_or(DEFAULT_LIFETIME);
        if expires_in.is_zero() {
            return Err(unusable("the code has expired already (expires_in: 0)"));
        }
        let interval = body.get("interval").and_then(seconds).unwrap_or(DEFAULT_INTERVAL);
        let grant = DeviceGrant {
            device_code,
            user_code,
            verification_uri: verification_uri.into(),
            verification_uri_complete: complete.map(|url| Secret::new(url.into())),
            interval: interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL).as_secs(),
        };
        Ok(Self { grant, expires_in: expires_in.min(LONGEST_LIFETIME) })
    }
}

impl DeviceAnswer {
    /// What a response says that brings no tokens; `None` if it is to be read as one of any other grant. Providers
    /// send these codes with several statuses (400, 403, 428, 429).
    pub(super) fn without_tokens(response: &Response) -> Option<Self> {
        let refusal = read_refusal(response, &[])?;
        let brings_tokens = || {
            let body = json::read::<WipedObject>(&response.body);
            response.status.is_success() && body.is_some_and(|body| body.contains_key("access_token"))
        };
        match refusal.code.as_str() {
            _ if brings_tokens() => None,
            "authorization_pending" => Some(Self::Pending),
            "slow_down" => Some(Self::SlowDown),
            "access_denied" => Some(Self::Denied),
            "expired_token" => Some(Self::Expired),
            _ => None,
        }
    }
}

fn unusable(why: &str) -> Error {
    let shown: String = why.chars().filter(|c| !c.is_control()).take(300).collect();
    Error::refused("invalid_device_authorization", format!("the provider's answer cannot be used: {shown}"))
}

/// RFC 8628 §3.4.
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Nobody enters more.
const LONGEST_USER_CODE: usize = 64;
/// How long a code is tried if the provider does not say (RFC 8628 §3.2 requires it): a quarter of an hour.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(900);
/// As for every sign-in.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3_600);
/// RFC 8628 §3.2.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// A provider that wants more than a minute between two polls says so by `slow_down`.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
