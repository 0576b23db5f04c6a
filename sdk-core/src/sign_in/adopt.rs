//! Adoption: the session of another library goes on here. Its refresh token is refreshed once, and becomes a session.
//!
//! ```text
//!  record: token, key, attempt ─▶ send ─▶ record: the answer ─▶ checks ─▶ session
//!            durable                        durable                        durable, the record is gone
//! ```
//!
//! Whatever fails on the way, the next call with the same token goes on from the last durable step: the token is sent
//! with the same attempt and key, or its answer is checked again. Only the provider's refusal of the token deletes the
//! record. A sign-in or a sign-out takes its place. An answer that fails a check stays: the app may be configured
//! wrongly, and at a provider that rotates, its tokens are the only ones there are.

use std::time::Duration;

use super::{
    SignIn,
    exchanged::Unkept,
    finish::{LONGEST_PAUSE, PAUSES, replace, user_of},
    known::Known,
    options::AdoptOptions,
};
use crate::{
    account::{keep, metadata},
    authentication::Authentication,
    dpop::{ProofKey, TokenType},
    error::{Error, StorageUnavailableReason},
    provider::{Metadata, about_the_user},
    secret::Secret,
    state::StateEvent,
    time::unix_seconds,
    user::User,
    vault::{Adoption, AdoptionAnswer, Change, StoredSession, WhenLost, token_hash},
};

/// A session of another library, as an app offers it.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) refresh_token: Secret,
    pub(crate) options: AdoptOptions,
    /// Where the token came from, if that is all that is known of its issuer.
    pub(crate) token_endpoint: Option<String>,
}

impl SignIn {
    /// Adopts a session. The same token, offered again, goes on where the last call stopped, and returns the same user
    /// once it is done.
    pub(crate) async fn adopt(&self, offer: Offer) -> Result<User, Error> {
        check_token(&offer.refresh_token)?;
        let mut unkept = self.unkept.lock().await;
        // From here on a token may be spent, and what comes for it is stored.
        let _critical = self.store.begin_critical();
        self.keep_unkept(&mut unkept).await?;
        let hash = token_hash(&offer.refresh_token);
        let adoption = match self.known(&hash).await? {
            Known::Session(user) => return Ok(user),
            Known::Begun(adoption) => self.refreshed(*adoption).await?,
            Known::New => self.begin_adoption(&offer, &hash).await?,
        };
        self.go_on(adoption, &offer.options, &mut unkept).await
    }

    /// Goes on with the latest adoption that has begun, and returns its user, also of one that is done; `None` if there
    /// is none. A library that refreshes by itself must not be asked for its token again: it may be spent.
    pub(crate) async fn resume_adoption(&self, options: &AdoptOptions) -> Result<Option<User>, Error> {
        let mut unkept = self.unkept.lock().await;
        let _critical = self.store.begin_critical();
        self.keep_unkept(&mut unkept).await?;
        let adoption = match self.store.read(Known::latest).await? {
            Known::Session(user) => return Ok(Some(user)),
            Known::Begun(begun) => self.refreshed(*begun).await?,
            Known::New => return Ok(None),
        };
        self.go_on(adoption, options, &mut unkept).await.map(Some)
    }

    async fn go_on(
        &self,
        mut adoption: Adoption,
        options: &AdoptOptions,
        unkept: &mut Vec<Unkept>,
    ) -> Result<User, Error> {
        self.before_exchange().await;
        let mut pauses = PAUSES.iter();
        for _ in 0..ROUNDS {
            match self.advance(&mut adoption, options, unkept).await {
                Ok(Some(user)) => return Ok(user),
                // Another process was faster.
                Ok(None) => {}
                Err(error) => match pause_after(&error, &adoption, pauses.next()) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
            }
            adoption = match self.known(&adoption.token_hash).await? {
                Known::Session(user) => return Ok(user),
                Known::Begun(adoption) => *adoption,
                // It was refused in another process.
                Known::New => return Err(Error::Cancelled),
            };
        }
        Err(Error::StorageUnavailable(StorageUnavailableReason::Busy))
    }

    /// Sends the token if there is no answer yet, and makes the answer a session. `None` if the vault has gone on.
    async fn advance(
        &self,
        adoption: &mut Adoption,
        options: &AdoptOptions,
        unkept: &mut Vec<Unkept>,
    ) -> Result<Option<User>, Error> {
        let metadata = metadata(&self.store, &self.provider).await?;
        if adoption.answer.is_none() && !self.exchange_adopted(&metadata, adoption, unkept).await? {
            return Ok(None);
        }
        let Some(answer) = &adoption.answer else { return Ok(None) };
        let session = self.adopted_session(&metadata, adoption, answer, options).await?;
        self.store_adopted(session, &adoption.token_hash).await
    }

    pub(super) async fn known(&self, hash: &str) -> Result<Known, Error> {
        let hash = hash.to_owned();
        match self.store.read(move |account| Known::of(account, &hash)).await {
            // A new record takes its place, as a sign-in would.
            Err(Error::StorageLost(_)) => Ok(Known::New),
            known => known?,
        }
    }

    /// Writes the record: the key and the attempt that go with the token each time.
    async fn begin_adoption(&self, offer: &Offer, hash: &str) -> Result<Adoption, Error> {
        let metadata = self.suitable_metadata().await?;
        if offer.token_endpoint.as_ref().is_some_and(|from| *from != metadata.token_endpoint.as_str()) {
            return Err(Error::refused(
                "auth_state_mismatch",
                "the stored state has a token of another token endpoint than the provider's; the token was not sent",
            ));
        }
        let proof_key = if metadata.dpop_supported { Some(self.provider.new_key().await?) } else { None };
        let adoption = Adoption {
            token_hash: hash.to_owned(),
            token: offer.refresh_token.clone(),
            attempt: metadata.refresh_attempt_supported.then(Secret::random),
            proof_key: proof_key.clone(),
            answer: None,
        };
        let begun = self.store.update(WhenLost::StartAnew, move |account| {
            match Known::of(Some(account), &adoption.token_hash) {
                Ok(Known::New) => {
                    account.adoptions.push(adoption.clone());
                    let surplus = account.adoptions.len().saturating_sub(MOST_ADOPTIONS);
                    account.adoptions.drain(..surplus);
                    Change::Write(Ok(adoption))
                }
                Ok(Known::Begun(other)) => Change::Keep(Ok(*other)),
                Ok(Known::Session(_)) => Change::Keep(Err(Error::Cancelled)),
                Err(error) => Change::Keep(Err(error)),
            }
        });
        let begun = begun.await.and_then(|begun| begun);
        // Another process has written the record, or nobody has.
        if let Some(unused) = proof_key
            && begun.as_ref().map_or(true, |begun| begun.proof_key.as_ref() != Some(&unused))
        {
            self.provider.discard_key(&unused).await;
        }
        begun
    }

    /// The adoption with an answer that is new enough to be checked, or with the token that came, to be sent in its
    /// turn: the last call may be a month ago, and its ID token has expired.
    async fn refreshed(&self, adoption: Adoption) -> Result<Adoption, Error> {
        let is_old = |answer: &AdoptionAnswer| answer.began.remaining(self.store.clock()).is_zero();
        if !adoption.answer.as_ref().is_some_and(is_old) {
            return Ok(adoption);
        }
        let gone_on = self.store.update(WhenLost::Fail, move |account| {
            let found = account.adoptions.iter_mut().find(|found| found.token_hash == adoption.token_hash);
            match found {
                Some(found) if found.token == adoption.token => {
                    found.go_on();
                    Change::Write(found.clone())
                }
                Some(found) => Change::Keep(found.clone()),
                None => Change::Keep(adoption),
            }
        });
        gone_on.await
    }

    /// The session of an answer, if it passes the checks of a sign-in.
    async fn adopted_session(
        &self,
        metadata: &Metadata,
        adoption: &Adoption,
        answer: &AdoptionAnswer,
        options: &AdoptOptions,
    ) -> Result<StoredSession, Error> {
        let AdoptionAnswer { tokens, began, knows_attempts } = answer;
        self.check_binding(adoption.proof_key.as_ref(), tokens)?;
        let is_bearer = tokens.token_type != Some(TokenType::DPoP);
        let (user, authentication) = if tokens.id_token.is_some() {
            let claims = self.provider.verify_id_token(metadata, tokens, None, None).await?;
            let authentication = Authentication::from_claims(&claims.claims);
            (user_of(claims), authentication)
        } else {
            let key = adoption.proof_key.as_ref().filter(|_| !is_bearer);
            (
                self.user_without_id_token(metadata, &tokens.access_token, key).await?,
                Authentication::default(),
            )
        };
        if options.subject.as_ref().is_some_and(|expected| *expected != user.subject) {
            return Err(Error::refused(
                "another_user",
                "the refresh token is another user's than the app expects",
            ));
        }
        let configuration = self.provider.configuration();
        let granted = || options.scopes.clone().unwrap_or_else(|| configuration.scopes().to_vec());
        let successor = tokens.refresh_token.as_ref().filter(|token| **token != adoption.token);
        Ok(StoredSession {
            user,
            authentication,
            id_token: tokens.id_token.clone(),
            // RFC 6749 §6: without a new one, the old one stays in force.
            refresh_token: Some(successor.unwrap_or(&adoption.token).clone()),
            access_token: tokens.access_token.clone(),
            proof_key: adoption.proof_key.clone(),
            bearer_access_token: is_bearer,
            knows_attempts: Some(match successor {
                Some(_) => *knows_attempts,
                None => adoption.attempt.is_some(),
            }),
            lifetime: tokens.expires_in.map(|expires_in| began.clone().lasting(expires_in)),
            scope: tokens.scope.clone().unwrap_or_else(granted),
            resources: configuration.resources().to_vec(),
            signed_in_at: unix_seconds(self.store.clock()),
            refreshes: 0,
            refusal: None,
            login_state: Secret::random(),
        })
    }

    /// The user of an answer without an ID token, which a refresh need not have (OpenID Connect Core §12.2).
    async fn user_without_id_token(
        &self,
        metadata: &Metadata,
        access_token: &Secret,
        key: Option<&ProofKey>,
    ) -> Result<User, Error> {
        let Some(endpoint) = &metadata.userinfo_endpoint else {
            return Err(Error::refused("no_subject", NO_SUBJECT));
        };
        let (subject, claims) =
            self.provider.ask_for_userinfo(metadata, endpoint, access_token, key, None).await?;
        Ok(User::from_claims(subject, about_the_user(claims)))
    }

    /// Makes the session durable, and the record goes. `None` if the record has gone on.
    async fn store_adopted(&self, session: StoredSession, hash: &str) -> Result<Option<User>, Error> {
        self.refresher.settle_saved_session().await;
        let (hash, provider) = (hash.to_owned(), self.provider.clone());
        let stored =
            self.store.update(WhenLost::Fail, move |account| match Known::of(Some(account), &hash) {
                Ok(Known::Begun(_)) => {
                    let user = session.user.clone();
                    account.note_adopted(&hash, &user.subject);
                    replace(account, session);
                    keep(&provider, account);
                    Change::Write(Ok(Some(user)))
                }
                Ok(Known::Session(user)) => Change::Keep(Ok(Some(user))),
                Ok(Known::New) => Change::Keep(Ok(None)),
                Err(error) => Change::Keep(Err(error)),
            });
        let Some(user) = stored.await?? else { return Ok(None) };
        let user = self.described(user).await;
        self.changed.notify_waiters();
        self.store.signal(StateEvent::SignInEnded);
        self.revocations.send_later();
        Ok(Some(user))
    }
}

/// RFC 6749 Appendix A.17: one or more visible characters or spaces.
fn check_token(token: &Secret) -> Result<(), Error> {
    let text = token.expose();
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(Error::refused("invalid_refresh_token", INVALID));
    }
    Ok(())
}

/// How long to wait before another try; `None` if the error is for the caller. A token is only sent again if the
/// provider recognizes the attempt.
fn pause_after(error: &Error, adoption: &Adoption, pause: Option<&Duration>) -> Option<Duration> {
    let asked = match error {
        Error::Offline { .. } => Duration::ZERO,
        Error::RateLimited { retry_after } if *retry_after <= LONGEST_PAUSE => *retry_after,
        _ => return None,
    };
    let is_safe = adoption.attempt.is_some() || adoption.answer.is_some();
    pause.filter(|_| is_safe).map(|pause| asked.max(*pause))
}

const NO_SUBJECT: &str =
    "the provider's answer has no ID token, and there is no userinfo endpoint to ask who the user is";
const INVALID: &str =
    "the text is no refresh token: it is empty, too long, or has characters that no token has";
/// Longer tokens cannot be stored by any provider that we know.
const LONGEST: usize = 64 * 1024;
const MOST_ADOPTIONS: usize = 4;
/// Far more than two processes need to get out of each other's way.
const ROUNDS: usize = 8;
