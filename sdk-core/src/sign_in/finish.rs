//! The end of a sign-in: the code for tokens (RFC 6749 §4.1.3), the ID token checked, the session durable.

use std::time::Duration;

use super::{
    SignIn,
    callback::Callback,
    exchanged::{Exchanged, tokens},
};
use crate::{
    account::{is_gone, keep, metadata},
    authentication::Authentication,
    dpop::{ProofKey, TokenType},
    error::{DOCUMENT_TOO_LARGE, Error},
    provider::{CodeExchange, IdTokenClaims, Metadata, Tokens, about_the_user},
    runtime,
    secret::Secret,
    state::StateEvent,
    time::{Clock, Lifetime, unix_seconds},
    user::User,
    vault::{Account, Change, PendingLogin, StoredSession, StoredState, WhenLost},
};

impl SignIn {
    /// Finishes the sign-in that `callback_url` answers. The same callback, delivered again, returns the same user
    /// again.
    pub(crate) async fn finish(&self, callback_url: &str) -> Result<User, Error> {
        let mut exchanged = self.exchanged.lock().await;
        let callback = Callback::read(callback_url)?;
        // From here on a code is spent, and what comes for it is stored.
        let _critical = self.store.begin_critical();
        let login = match self.find(&callback).await? {
            Some(Found::Pending(login)) => login,
            Some(Found::Finished(user)) => return Ok(user),
            None => {
                let why = "no sign-in with this state was started here";
                return Err(Error::refused("state_mismatch", why));
            }
        };
        let is_exchanged = exchanged.as_ref().is_some_and(|held| held.login.state == login.state);
        if !is_exchanged && has_expired(&login, self.store.clock()) {
            self.abandon(&login, None).await;
            return Err(Error::refused(
                "sign_in_expired",
                "this sign-in took longer than an hour; start a new one",
            ));
        }
        self.before_exchange().await;
        let outcome = self.checked_session(&callback, &login, &mut exchanged).await;
        self.conclude(outcome, &login, &mut exchanged).await
    }

    /// What `start` has begun to send may end this user's earlier session, and must not find the new one.
    pub(super) async fn before_exchange(&self) {
        self.revocations.idle(REVOCATIONS).await;
    }

    /// Stores the session, or ends a sign-in that cannot succeed any more.
    pub(super) async fn conclude(
        &self,
        checked: Result<StoredSession, Error>,
        login: &PendingLogin,
        exchanged: &mut Option<Exchanged>,
    ) -> Result<User, Error> {
        let outcome = match checked {
            Ok(stored) => {
                self.refresher.settle_saved_session().await;
                match self.store_session(stored, login).await {
                    Ok(user) => {
                        *exchanged = None;
                        Ok(self.described(user).await)
                    }
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(_) => {
                self.changed.notify_waiters();
                self.store.signal(StateEvent::SignInEnded);
                self.revocations.send_later();
            }
            Err(error) if ends_sign_in(error) => {
                // Those of another sign-in are kept for it.
                let held = exchanged.take_if(|held| held.login.state == login.state);
                self.abandon(login, held).await;
            }
            // The app may call again.
            Err(_) => {}
        }
        outcome
    }

    /// Whether a sign-in of this account awaits this callback, or has been finished by it.
    pub(crate) async fn owns(&self, callback_url: &str) -> Result<bool, Error> {
        let Ok(callback) = Callback::read(callback_url) else { return Ok(false) };
        Ok(match self.find(&callback).await? {
            Some(Found::Pending(login)) => callback.comes_back_to(&login.redirect_uri),
            Some(Found::Finished(_)) => true,
            None => false,
        })
    }

    /// Revokes tokens that were issued and cannot be kept any more, because the process ends.
    pub(crate) async fn give_up(&self) {
        let Some(exchanged) = self.exchanged.lock().await.take() else { return };
        let login = exchanged.login.clone();
        self.abandon(&login, Some(exchanged)).await;
    }

    async fn find(&self, callback: &Callback) -> Result<Option<Found>, Error> {
        let state = callback.state.clone();
        let found = self.store.read(move |account| {
            let found = Found::of(account?, &state);
            found.filter(|found| !matches!(found, Found::Pending(login) if login.device.is_some()))
        });
        found.await
    }

    /// All checks, up to a session that may be stored. What fails for a passing reason is tried again.
    async fn checked_session(
        &self,
        callback: &Callback,
        login: &PendingLogin,
        exchanged: &mut Option<Exchanged>,
    ) -> Result<StoredSession, Error> {
        let mut pauses = PAUSES.iter();
        loop {
            let outcome = self.try_session(callback, login, exchanged).await;
            let asked = match &outcome {
                Err(Error::Offline { .. }) => Duration::ZERO,
                Err(Error::RateLimited { retry_after }) if *retry_after <= LONGEST_PAUSE => *retry_after,
                _ => return outcome,
            };
            let Some(pause) = pauses.next() else { return outcome };
            tokio::time::sleep(asked.max(*pause)).await;
        }
    }

    async fn try_session(
        &self,
        callback: &Callback,
        login: &PendingLogin,
        exchanged: &mut Option<Exchanged>,
    ) -> Result<StoredSession, Error> {
        let metadata = metadata(&self.store, &self.provider).await?;
        let iss_required = metadata.authorization_response_iss_parameter_supported;
        let code = callback.code(login, self.provider.configuration().issuer(), iss_required)?;
        if exchanged.as_ref().is_none_or(|held| held.login.state != login.state) {
            *exchanged = Some(self.exchange(&metadata, login, &code).await?);
        }
        self.checked(&metadata, login, exchanged.as_ref()).await
    }

    /// The session of the tokens that came, if they pass all checks.
    pub(super) async fn checked(
        &self,
        metadata: &Metadata,
        login: &PendingLogin,
        exchanged: Option<&Exchanged>,
    ) -> Result<StoredSession, Error> {
        let Some(Exchanged { tokens, began, .. }) = exchanged else { return Err(runtime::internal()) };
        self.check_binding(login.proof_key.as_ref(), tokens)?;
        let nonce = login.device.is_none().then_some(&login.nonce);
        let claims = self.provider.verify_id_token(metadata, tokens, nonce, login.max_age).await?;
        if login.subject.as_ref().is_some_and(|subject| *subject != claims.subject) {
            return Err(Error::refused(
                "another_user",
                "another user has signed in; the session is unchanged",
            ));
        }
        Ok(StoredSession {
            authentication: Authentication::from_claims(&claims.claims),
            id_token: tokens.id_token.clone(),
            user: user_of(claims),
            refresh_token: tokens.refresh_token.clone(),
            access_token: tokens.access_token.clone(),
            proof_key: login.proof_key.clone(),
            bearer_access_token: tokens.token_type != Some(TokenType::DPoP),
            knows_attempts: Some(metadata.refresh_attempt_supported),
            lifetime: tokens.expires_in.map(|expires_in| began.clone().lasting(expires_in)),
            // RFC 6749 §5.1: left out if it is what was requested.
            scope: tokens.scope.clone().unwrap_or_else(|| login.scope.clone()),
            resources: login.resources.clone(),
            signed_in_at: unix_seconds(self.store.clock()),
            refreshes: 0,
            refusal: None,
            login_state: login.state.clone(),
        })
    }

    async fn exchange(
        &self,
        metadata: &Metadata,
        login: &PendingLogin,
        code: &Secret,
    ) -> Result<Exchanged, Error> {
        let began = Lifetime::starting_now(self.store.clock());
        let exchange = CodeExchange {
            code,
            code_verifier: &login.code_verifier,
            redirect_uri: &login.redirect_uri,
            proof_key: login.proof_key.as_ref(),
        };
        let key = self.provider.keep_key(login.proof_key.as_ref());
        let answer = match self.provider.exchange_code(metadata, &exchange).await {
            Err(error) if is_gone(&error) => return Err(Error::refused("key_gone", KEY_GONE)),
            answer => answer?,
        };
        Ok(Exchanged { login: login.clone(), tokens: tokens(answer)?, began, key })
    }

    /// A provider that was asked to bind the access token and did not is accepted only if the app accepts bearer
    /// tokens; one that bound it to nobody's key gave nothing that could be used. Whether the refresh token is bound,
    /// it does not say: the key stays, and every refresh proves it (RFC 9449 §5).
    pub(super) fn check_binding(&self, proof_key: Option<&ProofKey>, tokens: &Tokens) -> Result<(), Error> {
        match (proof_key, tokens.token_type == Some(TokenType::DPoP)) {
            (Some(_), true) | (None, false) => Ok(()),
            (Some(_), false) if self.provider.configuration().allows_bearer() => Ok(()),
            (Some(_), false) => Err(Error::refused(
                "unbound_token",
                "the provider offers DPoP and issued a bearer token; if that is acceptable, set allow_bearer()",
            )),
            (None, true) => Err(Error::refused(
                "unbound_token",
                "the provider says that it bound the token to a key, and none was given",
            )),
        }
    }

    /// Makes the session durable, unless the sign-in was cancelled meanwhile.
    async fn store_session(&self, stored: StoredSession, login: &PendingLogin) -> Result<User, Error> {
        let (state, provider) = (login.state.clone(), self.provider.clone());
        let written = self.store.update(WhenLost::Fail, move |account| {
            if !account.logins.iter().any(|login| login.state == state) {
                return Change::Keep(Err(Error::Cancelled));
            }
            let user = stored.user.clone();
            replace(account, stored);
            keep(&provider, account);
            Change::Write(Ok(user))
        });
        written.await?
    }

    /// Deletes a sign-in that can't succeed any more, and queues the revocation of the tokens that came for its code.
    pub(super) async fn abandon(&self, login: &PendingLogin, exchanged: Option<Exchanged>) {
        let state = login.state.clone();
        let revocation = exchanged.as_ref().map(Exchanged::revocation);
        let deleted = self.store.update(WhenLost::Fail, move |account| {
            account.logins.retain(|login| login.state != state);
            account.revocations.extend(revocation);
            Change::Write(())
        });
        // What stays behind is one sign-in that nobody can finish any more.
        if deleted.await.is_ok() {
            self.revocations.send_later();
        }
        self.store.signal(StateEvent::SignInEnded);
    }
}

/// A sign-in that somebody asks for.
pub(super) enum Found {
    Pending(PendingLogin),
    Finished(User),
}

impl Found {
    /// The one of this account whose `state` this is.
    pub(super) fn of(account: &Account, state: &Secret) -> Option<Self> {
        if let Some(login) = account.logins.iter().find(|login| login.state == *state) {
            return Some(Self::Pending(login.clone()));
        }
        let finished = account.state.session().filter(|session| session.login_state == *state)?;
        Some(Self::Finished(finished.user.clone()))
    }
}

/// A sign-in ends only by a decision of the provider or the user, or by its expiry: not by the network, the storage, a
/// clock that the user can set, or a configuration.
fn ends_sign_in(error: &Error) -> bool {
    match error {
        Error::Refused { code, .. } => code != DOCUMENT_TOO_LARGE,
        other => *other == Error::Cancelled,
    }
}

/// Puts the new session in the place of an old one, which is to be revoked, also if a refusal has ended it here: its
/// tokens may still be valid. [`Revocations`](crate::account::Revocations) knows when that leaves the new one alone.
/// What was queued before stays queued.
pub(super) fn replace(account: &mut Account, stored: StoredSession) {
    account.logins.clear();
    account.end_adoptions();
    account.queue_revocation_of_session();
    account.state = StoredState::SignedIn(Box::new(stored));
}

fn has_expired(login: &PendingLogin, clock: &dyn Clock) -> bool {
    login.started_at.as_ref().is_some_and(|started| started.remaining(clock).is_zero())
}

pub(super) fn user_of(claims: IdTokenClaims) -> User {
    User::from_claims(claims.subject, about_the_user(claims.claims))
}

const KEY_GONE: &str = "the key of this sign-in is gone from the signer; start a new sign-in";
/// How long a code waits for revocations that are being sent.
const REVOCATIONS: Duration = Duration::from_secs(5);
/// The pauses before what failed for a passing reason is tried again. A code lives for ten minutes at most, mostly for
/// one.
pub(super) const PAUSES: [Duration; 3] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(3)];
/// The longest pause that the provider can ask for within one call.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);
