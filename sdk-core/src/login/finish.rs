//! The end of a sign-in: the code for tokens (RFC 6749 §4.1.3), the ID token checked, the session durable.

use std::{sync::Arc, time::UNIX_EPOCH};

use super::callback::Callback;
use crate::{
    Error, TokenType, User,
    discovery::Metadata,
    dpop::Credentials,
    net::Request,
    runtime,
    session::{
        Event, Session,
        response::{Answer, Tokens},
    },
    token::id_token::{self, DEFAULT_LEEWAY, Expectations, IdTokenClaims, IdTokenError, KeySource},
    vault::{
        Account, Change, Lifetime, PendingLogin, Revocation, Secret, Standing, StoredSession, WhenLost,
        unix_seconds,
    },
};

/// Tokens that came for a code and aren't in the vault yet. Kept where the provider's keys or the storage can't be had just
/// now, so that the app can call again: the code itself can't be sent twice.
#[derive(Debug)]
pub(crate) struct Exchanged {
    state: Secret,
    tokens: Tokens,
    began: Lifetime,
}

/// Ends the sign-in that `callback_url` answers. The same callback, delivered again, gives the same person again.
pub(crate) async fn finish(session: &Arc<Session>, callback_url: &str) -> Result<User, Error> {
    let mut exchanged = session.finishing.lock().await;
    let callback = Callback::read(callback_url)?;
    let login = match find(session, &callback).await? {
        Found::Pending(login) => login,
        Found::Finished(user) => return Ok(user),
    };
    let outcome = match through(session, &callback, &login, &mut exchanged).await {
        Ok(stored) => store(session, stored, &login).await,
        Err(error) => Err(error),
    };
    match &outcome {
        Ok(user) => {
            *exchanged = None;
            session.tell(Event::SignInFinished(user.clone()));
            session.tell_revocations_later();
        }
        // The app may call again with the same callback.
        Err(error) if error.is_retryable() => {}
        Err(_) => abandon(session, &login, exchanged.take()).await,
    }
    outcome
}

enum Found {
    Pending(PendingLogin),
    Finished(User),
}

async fn find(session: &Session, callback: &Callback) -> Result<Found, Error> {
    let state = callback.state.clone();
    let found = session.look(move |account| {
        let account = account?;
        if let Some(login) = account.logins.iter().find(|login| login.state == state) {
            return Some(Found::Pending(login.clone()));
        }
        let finished = account.standing.session().filter(|session| session.login_state == state)?;
        Some(Found::Finished(finished.user.clone()))
    });
    found
        .await?
        .ok_or_else(|| Error::refused("state_mismatch", "no sign-in with this state has been started here"))
}

/// All checks, in order, up to a session that may be stored.
async fn through(
    session: &Session,
    callback: &Callback,
    login: &PendingLogin,
    exchanged: &mut Option<Exchanged>,
) -> Result<StoredSession, Error> {
    let metadata = session.metadata().await?;
    let iss_required = metadata.authorization_response_iss_parameter_supported;
    let code = callback.code(login, session.configuration.issuer(), iss_required)?;
    if exchanged.as_ref().is_none_or(|held| held.state != login.state) {
        *exchanged = Some(exchange(session, &metadata, login, &code).await?);
    }
    let Some(Exchanged { tokens, began, .. }) = exchanged.as_ref() else { return Err(runtime::internal()) };
    check_binding(session, login, tokens)?;
    let claims = check_id_token(session, &metadata, login, tokens).await?;
    Ok(StoredSession {
        user: user_of(claims),
        refresh_token: tokens.refresh_token.clone(),
        access_token: tokens.access_token.clone(),
        proof_key: login.proof_key.clone(),
        bearer_access_token: tokens.token_type != Some(TokenType::DPoP),
        knows_attempts: Some(metadata.refresh_attempt_supported),
        lifetime: tokens.expires_in.map(|expires_in| began.clone().lasting(expires_in)),
        // RFC 6749 §5.1: left out where it is what was asked for.
        scope: tokens.scope.clone().unwrap_or_else(|| login.scope.clone()),
        signed_in_at: unix_seconds(&*session.clock),
        refreshes: 0,
        login_state: login.state.clone(),
    })
}

async fn exchange(
    session: &Session,
    metadata: &Metadata,
    login: &PendingLogin,
    code: &Secret,
) -> Result<Exchanged, Error> {
    let began = Lifetime::starting_now(&*session.clock);
    let request = Request::post_form(
        metadata.token_endpoint.clone(),
        [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", &login.redirect_uri),
            ("client_id", session.configuration.client_id()),
            ("code_verifier", login.code_verifier.expose()),
        ],
    );
    let by = Credentials { key: login.proof_key.as_ref(), access_token: None };
    let response = session.sender.send(&request, by).await?;
    match Answer::read(&response, &[code, &login.code_verifier]) {
        Answer::Issued(tokens) => Ok(Exchanged { state: login.state.clone(), tokens: *tokens, began }),
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Unclear { why, .. } => {
            tracing::info!(why, "the code exchange has no clear answer");
            Err(Error::Offline)
        }
    }
}

/// A provider that was asked to bind the access token and didn't is believed only where the app accepts bearer tokens; one
/// that bound it to a key of nobody's gave nothing that could be used. Whether the refresh token is bound, it doesn't say:
/// the key stays, and every refresh proves it (RFC 9449 §5).
fn check_binding(session: &Session, login: &PendingLogin, tokens: &Tokens) -> Result<(), Error> {
    match (&login.proof_key, tokens.token_type == Some(TokenType::DPoP)) {
        (Some(_), true) | (None, false) => Ok(()),
        (Some(_), false) if session.configuration.allows_bearer() => Ok(()),
        (Some(_), false) => Err(Error::refused(
            "unbound_token",
            "the provider offers DPoP and issued a bearer token; where that is acceptable, say allow_bearer()",
        )),
        (None, true) => Err(Error::refused(
            "unbound_token",
            "the provider says that it bound the token to a key, and none was given",
        )),
    }
}

async fn check_id_token(
    session: &Session,
    metadata: &Metadata,
    login: &PendingLogin,
    tokens: &Tokens,
) -> Result<IdTokenClaims, Error> {
    let Some(token) = &tokens.id_token else {
        return Err(Error::refused("invalid_id_token", "the provider sent no ID token"));
    };
    let keys = KeySource {
        cache: &session.keys,
        transport: &session.transport,
        jwks_uri: &metadata.jwks_uri,
        now: session.clock.monotonic(),
    };
    let by_the_device = now(session);
    // The provider's own time, from the answer that the token came in: the device's may be wrong by years.
    let by_the_provider = session.sender.time_at(&metadata.token_endpoint).unwrap_or(by_the_device);
    let expected = Expectations {
        issuer: session.configuration.issuer(),
        client_id: session.configuration.client_id(),
        nonce: Some(login.nonce.expose()),
        access_token: Some(tokens.access_token.expose()),
        subject: None,
        max_age: login.max_age,
        now: by_the_provider,
        leeway: DEFAULT_LEEWAY,
    };
    match id_token::verify(token.expose(), keys, &expected).await {
        // What is wrong may be the provider's `Date`. Either clock will do, since the nonce says that the token is new.
        Err(IdTokenError::Clock(_)) => {
            let expected = Expectations { now: by_the_device, ..expected };
            Ok(id_token::verify(token.expose(), keys, &expected).await?)
        }
        verdict => Ok(verdict?),
    }
}

/// Makes the session durable, if the sign-in wasn't cancelled meanwhile.
async fn store(session: &Session, stored: StoredSession, login: &PendingLogin) -> Result<User, Error> {
    // Only a provider of which it is known that its sessions are apart: others may end the new one with the old.
    let sessions_are_apart = sessions_are_apart(session).await;
    let state = login.state.clone();
    let written = session.update(WhenLost::Fail, move |account| {
        if !account.logins.iter().any(|login| login.state == state) {
            return Change::Keep(Err(Error::Cancelled));
        }
        let user = stored.user.clone();
        replace(account, stored, sessions_are_apart);
        Change::Write(Ok(user))
    });
    written.await?
}

/// Whether a revocation of one session leaves the others alone: of other providers that isn't known.
async fn sessions_are_apart(session: &Session) -> bool {
    session.metadata().await.is_ok_and(|metadata| metadata.refresh_attempt_supported)
}

fn replace(account: &mut Account, stored: StoredSession, sessions_are_apart: bool) {
    account.logins.clear();
    let before = std::mem::replace(&mut account.standing, Standing::SignedIn(Box::new(stored)));
    if sessions_are_apart {
        account.revocations.extend(before.session().map(Revocation::of));
    } else {
        // Also what waits from before: to be told now, it might end the session that has just begun.
        account.revocations.clear();
    }
}

/// Forgets a sign-in that failed for good, and has revoked what came for its code.
async fn abandon(session: &Arc<Session>, login: &PendingLogin, exchanged: Option<Exchanged>) {
    let state = login.state.clone();
    let revocation = exchanged.map(|held| {
        let Tokens { access_token, refresh_token, .. } = &held.tokens;
        Revocation::of_tokens(access_token, refresh_token.as_ref(), login.proof_key.as_ref())
    });
    let sessions_are_apart = sessions_are_apart(session).await;
    let forgotten = session.update(WhenLost::Fail, move |account| {
        account.logins.retain(|login| login.state != state);
        if sessions_are_apart || account.standing.session().is_none() {
            account.revocations.extend(revocation);
        }
        Change::Write(())
    });
    // What stays behind is one sign-in that nobody can finish any more.
    if forgotten.await.is_ok() {
        session.tell_revocations_later();
    }
    session.tell(Event::SignInAbandoned);
}

fn user_of(claims: IdTokenClaims) -> User {
    let mut about_the_person = claims.claims;
    about_the_person.retain(|name, _| !ABOUT_THE_TOKEN.contains(&name.as_str()));
    User::from_claims(claims.subject, about_the_person)
}

fn now(session: &Session) -> i64 {
    let now = session.clock.wall().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// Members of an ID token that say nothing about the person.
const ABOUT_THE_TOKEN: [&str; 11] =
    ["iss", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash"];
