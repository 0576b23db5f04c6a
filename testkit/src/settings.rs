//! What a command may set.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::{fault::Fault, state::State};

/// Members that are left out stay as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Every connection is closed before anything is read.
    down: Option<bool>,
    expires_in: Option<Value>,
    issues_refresh_tokens: Option<bool>,
    knows_attempts: Option<bool>,
    /// Whether tokens are bound (DPoP) or bearer tokens.
    binds: Option<bool>,
    says_that_it_binds: Option<bool>,
    binds_refresh_tokens_alone: Option<bool>,
    /// Whether a bearer session whose refresh has a proof is bound from then on.
    binds_at_refresh: Option<bool>,
    /// Whether the answer to a refresh has an ID token.
    id_token_at_refresh: Option<bool>,
    token_type: Option<Value>,
    /// Seconds; 0 for none.
    retry_after: Option<u64>,
    /// Claims of ID tokens in place of the right ones.
    claims: Option<Value>,
    scope: Option<String>,
    /// The issuer of callbacks in place of the right one.
    says_issuer: Option<String>,
    /// Seconds that the provider's clock is ahead.
    skew: Option<i64>,
    /// Whether answers have a `Date`.
    tells_time: Option<bool>,
    revokes: Option<bool>,
    has_userinfo: Option<bool>,
    takes_pushed_requests: Option<bool>,
    requires_pushed_requests: Option<bool>,
    has_device_grant: Option<bool>,
    /// Members of the device authorization response in place of the right ones.
    device_answer: Option<Value>,
}

impl Settings {
    pub(crate) fn apply(self, state: &mut State) -> Result<()> {
        let is_object = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_object);
        ensure!(is_object(&self.claims), "claims are an object");
        ensure!(is_object(&self.device_answer), "a device_answer is an object");
        set(&mut state.down, self.down);
        set(&mut state.expires_in, self.expires_in);
        set(&mut state.issues_refresh_tokens, self.issues_refresh_tokens);
        set(&mut state.knows_attempts, self.knows_attempts);
        set(&mut state.binds, self.binds);
        set(&mut state.says_that_it_binds, self.says_that_it_binds);
        set(&mut state.binds_refresh_tokens_alone, self.binds_refresh_tokens_alone);
        set(&mut state.binds_at_refresh, self.binds_at_refresh);
        set(&mut state.id_token_at_refresh, self.id_token_at_refresh);
        set(&mut state.token_type, self.token_type.map(Some));
        set(
            &mut state.retry_after,
            self.retry_after.map(|seconds| Some(seconds).filter(|seconds| *seconds > 0)),
        );
        set(&mut state.claims, self.claims);
        set(&mut state.scope, self.scope);
        set(&mut state.says_issuer, self.says_issuer.map(Some));
        set(&mut state.skew, self.skew);
        set(&mut state.tells_time, self.tells_time);
        set(&mut state.revokes, self.revokes);
        set(&mut state.has_userinfo, self.has_userinfo);
        set(&mut state.takes_pushed_requests, self.takes_pushed_requests);
        set(&mut state.requires_pushed_requests, self.requires_pushed_requests);
        set(&mut state.devices.offered, self.has_device_grant);
        set(&mut state.devices.answer, self.device_answer);
        Ok(())
    }
}

fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

impl State {
    pub(crate) fn add_faults(&mut self, path: &'static str, count: usize, fault: impl Fn() -> Fault) {
        let faults =
            if path == "/token" { &mut self.faults } else { self.faults_at.entry(path).or_default() };
        faults.extend((0..count).map(|_| fault()));
    }

    /// Ends losses, answers, outages and challenges that a test has set.
    pub(crate) fn recover(&mut self) {
        self.down = false;
        self.faults.clear();
        self.faults_at.clear();
        self.overrides.clear();
        self.hung.clear();
        self.retry_after = None;
        self.challenge = None;
        self.skew = 0;
        self.hides_key = false;
    }

    /// Accepts only a new nonce from now on.
    pub(crate) fn rotate_nonce(&mut self) {
        self.serial += 1;
        self.proofs.nonces = vec![format!("nonce-{}", self.serial)];
    }
}

/// The paths at which something can be set to happen.
const PATHS: [&str; 8] = [
    "/.well-known/openid-configuration",
    "/jwks",
    "/token",
    "/revoke",
    "/userinfo",
    "/api",
    "/par",
    "/device",
];

/// A path of the provider's.
pub(crate) fn path(path: &str) -> Result<&'static str> {
    let known = PATHS.into_iter().find(|known| *known == path);
    known.with_context(|| format!("the provider has no path {path}: it has {}", PATHS.join(", ")))
}
