//! The authorization request (RFC 6749 §4.1.1, RFC 7636, OpenID Connect Core §3.1.2.1).

use std::{sync::Arc, time::Duration};

use oauth2::{
    AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, basic::BasicClient,
};

use url::Url;

use super::{
    SignIn,
    options::{AuthorizationRequest, SignInOptions},
};
use crate::{
    account::metadata,
    configuration::{Configuration, RESERVED_PARAMETERS, check_redirect_uri},
    crypto::Algorithm,
    dpop::ProofKey,
    error::Error,
    provider::Metadata,
    secret::Secret,
    state::StateEvent,
    step_up::StepUp,
    time::Lifetime,
    vault::{Change, PendingLogin, WhenLost},
};

impl SignIn {
    /// Starts a sign-in. It is in the vault before the address is returned, and so survives the end of the process.
    pub(crate) async fn start(&self, options: SignInOptions) -> Result<AuthorizationRequest, Error> {
        // Before there is a new session that they might end.
        self.revocations.send_later();
        self.provider.sign_in_begins();
        let configuration = self.provider.configuration();
        let metadata = self.suitable_metadata().await?;
        let started_at = Lifetime::starting_now(self.store.clock()).lasting(LONGEST_SIGN_IN);
        let mut login = new_login(configuration, &options, started_at)?;
        if let Some(step_up) = &options.step_up {
            self.ask_for_more(&mut login, step_up).await?;
        }
        // What the tokens will be bound to. Without it, the app accepts bearer tokens.
        if metadata.dpop_supported {
            login.proof_key = Some(self.provider.new_key().await?);
        }
        let url = match self.authorization_url(&metadata, &options, &login).await {
            Ok(url) => url,
            Err(error) => {
                if let Some(key) = &login.proof_key {
                    self.provider.discard_key(key).await;
                }
                return Err(error);
            }
        };
        let state = login.state.expose().to_owned();
        self.store_login(login).await?;
        if options.step_up.is_none() {
            self.store.signal(StateEvent::SignInStarted);
        }
        Ok(AuthorizationRequest { url, state })
    }

    /// Stores a sign-in that starts, in this browser or on another device.
    ///
    /// Also over a vault whose key is gone, which is moved aside: kept in memory alone, the sign-in would be lost on
    /// every phone that ends apps while the browser is open, and after a backup was restored to a new phone nobody
    /// could ever sign in.
    pub(super) async fn store_login(&self, login: PendingLogin) -> Result<(), Error> {
        let stored = self.store.update(WhenLost::StartAnew, move |account| {
            account.logins.push(login);
            // A user who taps many times means the last ones.
            let surplus = account.logins.len().saturating_sub(MOST_LOGINS);
            account.logins.drain(..surplus);
            Change::Write(())
        });
        stored.await
    }

    async fn authorization_url(
        &self,
        metadata: &Metadata,
        options: &SignInOptions,
        login: &PendingLogin,
    ) -> Result<String, Error> {
        let request = authorization_request(self.provider.configuration(), metadata, options, login)?;
        Ok(self.provider.authorization_url(metadata, request, login.proof_key.as_ref()).await?.into())
    }

    /// The same user, with what was granted to them and what an API asks for.
    async fn ask_for_more(&self, login: &mut PendingLogin, step_up: &StepUp) -> Result<(), Error> {
        let state = self.store.stored_state().await?;
        let Some(session) = state.session() else { return Err(state.no_session()) };
        login.subject = Some(session.user.subject.clone());
        let asked = login.scope.iter().chain(&session.scope).chain(&step_up.scope);
        let mut scope: Vec<String> = Vec::new();
        for one in asked {
            if !scope.contains(one) {
                scope.push(one.clone());
            }
        }
        login.scope = scope;
        login.max_age = login.max_age.or_else(|| step_up.max_age.map(|age| age.as_secs()));
        Ok(())
    }

    /// The metadata, if a sign-in can succeed by it. What was read a while ago may be out of date: before the sign-in
    /// fails, the provider is asked again.
    pub(super) async fn suitable_metadata(&self) -> Result<Arc<Metadata>, Error> {
        let metadata = metadata(&self.store, &self.provider).await?;
        if check_metadata(&metadata, self.provider.configuration()).is_ok() {
            return Ok(metadata);
        }
        let newer = self.provider.newer_metadata().await?;
        check_metadata(&newer, self.provider.configuration())?;
        Ok(newer)
    }

    /// The browser is not in front any more. The sign-ins that have started stay.
    pub(crate) fn leave(&self) {
        self.store.signal(StateEvent::SignInEnded);
    }

    /// Deletes all sign-ins that have started.
    pub(crate) async fn cancel(&self) -> Result<(), Error> {
        let deleted = self.store.update(WhenLost::Fail, |account| {
            if account.logins.is_empty() {
                Change::Keep(())
            } else {
                account.logins.clear();
                Change::Write(())
            }
        });
        let deleted = deleted.await;
        self.changed.notify_waiters();
        // The browser is closed, whether or not the vault could be changed.
        self.store.signal(StateEvent::SignInEnded);
        deleted
    }
}

fn new_login(
    configuration: &Configuration,
    options: &SignInOptions,
    started_at: Lifetime,
) -> Result<PendingLogin, Error> {
    let redirect_uri = options.redirect_uri.as_deref().or(configuration.redirect_uri());
    let Some(redirect_uri) = redirect_uri else {
        return Err(Error::Misconfigured("a sign-in needs a redirect_uri()".into()));
    };
    check_redirect_uri(redirect_uri)?;
    Ok(PendingLogin {
        state: Secret::random(),
        nonce: Secret::random(),
        code_verifier: Secret::random(),
        proof_key: None,
        redirect_uri: redirect_uri.to_owned(),
        scope: configuration.scopes().to_vec(),
        resources: configuration.resources().to_vec(),
        max_age: options.max_age.map(|age| age.as_secs()),
        subject: None,
        device: None,
        started_at: Some(started_at),
    })
}

/// Finds out what would stop the sign-in only after the user has signed in.
fn check_metadata(metadata: &Metadata, configuration: &Configuration) -> Result<(), Error> {
    if let Some(names) = metadata.unverifiable_algorithms() {
        let known = Algorithm::ALL.map(Algorithm::name).join(", ");
        return Err(Error::Misconfigured(format!(
            "the provider signs ID tokens with {names} alone, and the SDK verifies none of them; register the client \
             for one of {known}"
        )));
    }
    if !metadata.dpop_supported && !configuration.allows_bearer() {
        return Err(Error::Misconfigured(NO_DPOP.into()));
    }
    Ok(())
}

/// The request as a URL that carries it whole.
fn authorization_request(
    configuration: &Configuration,
    metadata: &Metadata,
    options: &SignInOptions,
    login: &PendingLogin,
) -> Result<Url, Error> {
    let redirect_uri = RedirectUrl::new(login.redirect_uri.clone())
        .map_err(|error| Error::Misconfigured(format!("the redirect URI is no URI: {error}")))?;
    let client = BasicClient::new(ClientId::new(configuration.client_id().to_owned()))
        .set_auth_uri(AuthUrl::from_url(metadata.authorization_endpoint.clone()))
        .set_redirect_uri(redirect_uri);
    let verifier = PkceCodeVerifier::new(login.code_verifier.expose().to_owned());
    let mut request = client
        .authorize_url(|| CsrfToken::new(login.state.expose().to_owned()))
        .add_scopes(login.scope.iter().cloned().map(Scope::new))
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
        .add_extra_param("nonce", login.nonce.expose().to_owned());
    let step_up = options.step_up.as_ref();
    let acr_values = step_up.map(|step_up| step_up.acr_values.join(" ")).filter(|values| !values.is_empty());
    // The provider must not answer by the session that it has in the browser.
    let again = step_up.filter(|step_up| step_up.is_bare()).map(|_| "login".to_owned());
    let asked = [
        ("acr_values", acr_values),
        ("login_hint", options.login_hint.clone()),
        ("prompt", options.prompt.clone().or(again)),
        ("max_age", login.max_age.map(|age| age.to_string())),
        // RFC 9449 §10: an intercepted code is of no use either.
        ("dpop_jkt", login.proof_key.as_ref().map(ProofKey::thumbprint)),
    ];
    for (name, value) in asked {
        if let Some(value) = value {
            request = request.add_extra_param(name, value);
        }
    }
    for resource in &login.resources {
        request = request.add_extra_param("resource", resource.clone());
    }
    let configured = configuration.authorization_parameters();
    for (name, value) in configured.iter().filter(|(name, _)| !options.extra.iter().any(|(n, _)| n == name)) {
        request = request.add_extra_param(name.clone(), value.clone());
    }
    check_extra(&options.extra)?;
    for (name, value) in &options.extra {
        request = request.add_extra_param(name.clone(), value.clone());
    }
    Ok(request.url().0)
}

/// Further parameters must not replace those that the SDK sets.
pub(super) fn check_extra(extra: &[(String, String)]) -> Result<(), Error> {
    let is_ours = |name: &str| OPTIONS_OF_THEIR_OWN.contains(&name) || RESERVED_PARAMETERS.contains(&name);
    match extra.iter().find(|(name, _)| is_ours(name)) {
        Some((name, _)) => {
            Err(Error::Misconfigured(format!("the SDK sets the parameter {name} itself; leave it out")))
        }
        None => Ok(()),
    }
}

const NO_DPOP: &str = "the provider does not bind tokens to this device (DPoP with ES256), so a stolen token \
                       could be used; if that is acceptable, set allow_bearer()";
const MOST_LOGINS: usize = 4;
/// How long a sign-in may take: an hour, in which a user registers, waits for a mail and finds a second factor. No
/// code lives as long.
const LONGEST_SIGN_IN: Duration = Duration::from_secs(3_600);
/// Parameters that have a member of their own in [`SignInOptions`].
const OPTIONS_OF_THEIR_OWN: [&str; 3] = ["login_hint", "max_age", "prompt"];
