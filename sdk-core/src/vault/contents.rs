//! What the vault holds.

use serde::{Deserialize, Serialize};

use super::adoption::{Adopted, Adoption};
use crate::{
    authentication::Authentication,
    configuration::Configuration,
    dpop::ProofKey,
    error::{Error, ReauthReason, SignedOutReason},
    provider::{DeviceGrant, StoredProvider},
    secret::Secret,
    state::SessionState,
    time::{Clock, Lifetime},
    user::User,
};

/// All accounts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Contents {
    pub(crate) accounts: Vec<Account>,
    /// Keys in the platform's signer that nothing here refers to any more, and that are still to be deleted there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) retired_keys: Vec<String>,
}

impl Contents {
    /// The account, or `None` before its first sign-in.
    pub(crate) fn account(&self, id: &AccountId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == *id)
    }

    /// The account; created if it is missing.
    pub(crate) fn account_mut(&mut self, id: &AccountId) -> &mut Account {
        let at = self.accounts.iter().position(|account| account.id == *id).unwrap_or_else(|| {
            self.accounts.push(Account::new(id.clone()));
            self.accounts.len() - 1
        });
        &mut self.accounts[at]
    }

    /// The accounts of the same client at the same issuer, this one among them.
    pub(crate) fn beside<'a>(&'a self, id: &'a AccountId) -> impl Iterator<Item = &'a Account> {
        self.accounts.iter().filter(|account| account.id.is_beside(id))
    }

    /// The refresh tokens of all sessions, also of those that ended by inference.
    pub(crate) fn refresh_tokens(&self) -> impl Iterator<Item = &Secret> {
        self.accounts.iter().filter_map(|account| account.state.kept_session()?.refresh_token.as_ref())
    }

    /// The keys that something here is bound to.
    pub(super) fn proof_keys(&self) -> impl Iterator<Item = &ProofKey> {
        self.accounts.iter().flat_map(|account| {
            let session = account.state.kept_session().and_then(|session| session.proof_key.as_ref());
            let logins = account.logins.iter().filter_map(|login| login.proof_key.as_ref());
            let adoptions = account.adoptions.iter().filter_map(|adoption| adoption.proof_key.as_ref());
            let revocations = account.revocations.iter().filter_map(|queued| queued.proof_key.as_ref());
            session.into_iter().chain(logins).chain(adoptions).chain(revocations)
        })
    }

    /// The accounts whose refresh token is sent without an attempt.
    pub(super) fn accounts_that_need_a_lease(&self) -> impl Iterator<Item = &AccountId> {
        let needs_it = |account: &&Account| {
            let of_session = account.state.kept_session().is_some_and(|session| {
                session.refresh_token.is_some() && session.knows_attempts != Some(true)
            });
            of_session || account.adoptions.iter().any(|adoption| adoption.attempt.is_none())
        };
        self.accounts.iter().filter(needs_it).map(|account| &account.id)
    }
}

/// Names a session of the vault. A token is only ever sent to the issuer that its session is filed under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountId {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) account: String,
}

impl AccountId {
    /// The one that a configuration names.
    pub(crate) fn of(configuration: &Configuration) -> Self {
        Self {
            issuer: configuration.issuer().to_owned(),
            client_id: configuration.client_id().to_owned(),
            account: configuration.account().to_owned(),
        }
    }

    /// Whether both are of one client at one issuer.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (&self.issuer, &self.client_id) == (&other.issuer, &other.client_id)
    }
}

/// One account.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    id: AccountId,
    #[serde(rename = "standing")]
    pub(crate) state: StoredState,
    /// Sign-ins that have started, the oldest first.
    pub(crate) logins: Vec<PendingLogin>,
    /// Tokens that the provider has yet to revoke.
    pub(crate) revocations: Vec<Revocation>,
    /// Adoptions of another library's session that have begun, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) adoptions: Vec<Adoption>,
    /// The latest tokens that are not adopted any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) adopted: Vec<Adopted>,
    /// The provider's documents, as they were when a session was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<StoredProvider>,
}

impl Account {
    const fn new(id: AccountId) -> Self {
        Self {
            id,
            state: StoredState::NeverSignedIn,
            logins: Vec::new(),
            revocations: Vec::new(),
            adoptions: Vec::new(),
            adopted: Vec::new(),
            provider: None,
        }
    }

    pub(crate) const fn id(&self) -> &AccountId {
        &self.id
    }

    /// Queues a revocation, unless its token is queued already.
    pub(crate) fn queue_revocation(&mut self, revocation: Revocation) {
        if self.revocations.iter().all(|queued| queued.token != revocation.token) {
            self.revocations.push(revocation);
        }
    }

    /// The same for the session whose tokens are in the vault. Returns its token.
    pub(crate) fn queue_revocation_of_session(&mut self) -> Option<Secret> {
        let revocation = Revocation::of(self.state.kept_session()?);
        let token = revocation.token.clone();
        self.queue_revocation(revocation);
        Some(token)
    }
}

/// The state of an account. All but `SignedIn` outlive the session, so that a late response cannot bring it back, and
/// a restarted app knows why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum StoredState {
    NeverSignedIn,
    SignedIn(Box<StoredSession>),
    SignedOut,
    Ended(ReauthReason),
    /// Ended because of a refusal. The tokens are kept: another process may still get a success for the same token,
    /// which is better evidence.
    Refused(Box<RefusedSession>),
}

/// A session whose refresh token the provider refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RefusedSession {
    pub(crate) session: StoredSession,
    pub(crate) reason: ReauthReason,
}

/// A refusal that does not say that the session has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TokenRefusal {
    pub(crate) code: String,
    /// For how long a session that this refusal suspended is not tried again.
    pub(crate) pause: Lifetime,
}

impl StoredState {
    /// The session, if a user is signed in.
    pub(crate) fn session(&self) -> Option<&StoredSession> {
        match self {
            Self::SignedIn(session) => Some(session),
            Self::NeverSignedIn | Self::SignedOut | Self::Ended(_) | Self::Refused(_) => None,
        }
    }

    /// The session whose tokens are in the vault: also one that ended because of a refusal.
    pub(crate) fn kept_session(&self) -> Option<&StoredSession> {
        match self {
            Self::Refused(refused) => Some(&refused.session),
            state => state.session(),
        }
    }

    /// The session whose refresh token may be sent: also one that is suspended because the provider refused its token,
    /// and did not say that the session has ended.
    pub(crate) fn refreshable(&self) -> Option<&StoredSession> {
        match self {
            Self::Refused(refused) if refused.reason == ReauthReason::Refused => Some(&refused.session),
            state => state.session(),
        }
    }

    /// The refresh token that may be sent.
    pub(crate) fn refreshable_token(&self) -> Option<&Secret> {
        self.refreshable()?.refresh_token.as_ref()
    }

    /// Whether a suspended session is to be tried again now.
    pub(crate) fn may_retry(&self, clock: &dyn Clock) -> bool {
        let refusal = self.refreshable().and_then(|session| session.refusal.as_ref());
        matches!(self, Self::Refused(_))
            && refusal.is_some_and(|refusal| refusal.pause.remaining(clock).is_zero())
    }

    /// The refresh token of a session that ended by inference.
    pub(crate) fn refused_token(&self) -> Option<&Secret> {
        match self {
            Self::Refused(refused) => refused.session.refresh_token.as_ref(),
            _ => None,
        }
    }

    /// The state that an app sees.
    pub(crate) fn shown(&self) -> SessionState {
        match self {
            Self::NeverSignedIn => SessionState::SignedOut(SignedOutReason::NeverSignedIn),
            Self::SignedOut => SessionState::SignedOut(SignedOutReason::ByUser),
            Self::SignedIn(session) => SessionState::SignedIn(session.user.clone()),
            Self::Ended(reason) => SessionState::NeedsReauth(*reason),
            Self::Refused(refused) => SessionState::NeedsReauth(refused.reason),
        }
    }

    /// The error for a caller that needs a signed-in user.
    pub(crate) fn no_session(&self) -> Error {
        match self.shown() {
            SessionState::NeedsReauth(reason) => Error::NeedsReauth(reason),
            SessionState::SignedOut(reason) => Error::SignedOut(reason),
            _ => Error::SignedOut(SignedOutReason::NeverSignedIn),
        }
    }
}

/// A live session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredSession {
    pub(crate) user: User,
    #[serde(default)]
    pub(crate) authentication: Authentication,
    /// The latest ID token: names the session at the provider when the user signs out there (`id_token_hint`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<Secret>,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) access_token: Secret,
    /// What the tokens are bound to; nothing in a bearer session, which all were that format 1 holds.
    #[serde(default)]
    pub(crate) proof_key: Option<ProofKey>,
    /// Whether the access token is a bearer token also where there is a key: a provider may bind the refresh token
    /// alone (RFC 9449 §5), and then wants its proof.
    #[serde(default)]
    pub(crate) bearer_access_token: bool,
    /// Whether the provider said that it knows attempts when the refresh token came: this token is sent with one each
    /// time, or never. Nothing in a vault of before; then what it says when the token is sent counts.
    #[serde(default)]
    pub(crate) knows_attempts: Option<bool>,
    /// `None` if the provider did not say how long the access token is valid.
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) scope: Vec<String>,
    /// The APIs that were named at the sign-in (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
    /// Unix seconds, by the device's clock.
    pub(crate) signed_in_at: u64,
    pub(crate) refreshes: u64,
    /// The error code of the last refresh, if the provider refused it with one that does not end the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<TokenRefusal>,
    /// The `state` of the sign-in that it came from: detects a callback that is delivered twice.
    pub(crate) login_state: Secret,
}

impl StoredSession {
    /// What the access token is bound to.
    pub(crate) fn access_token_key(&self) -> Option<&ProofKey> {
        self.proof_key.as_ref().filter(|_| !self.bearer_access_token)
    }
}

/// A sign-in that has started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingLogin {
    pub(crate) state: Secret,
    pub(crate) nonce: Secret,
    pub(crate) code_verifier: Secret,
    /// The key to which the code is bound, and the tokens will be; `None` if the provider only has bearer tokens.
    #[serde(default)]
    pub(crate) proof_key: Option<ProofKey>,
    pub(crate) redirect_uri: String,
    pub(crate) scope: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
    pub(crate) max_age: Option<u64>,
    /// The user who has to sign in, if this answers what an API asked of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// What it waits for, if the user signs in on another device (RFC 8628); then there is no callback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<DeviceGrant>,
    /// When it started, and how long it may take; `None` in a vault of before.
    #[serde(default)]
    pub(crate) started_at: Option<Lifetime>,
}

/// A token that the provider has yet to revoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revocation {
    pub(crate) token: Secret,
    pub(crate) is_refresh_token: bool,
    /// What it is bound to: without a proof, nobody revokes it.
    #[serde(default)]
    pub(crate) proof_key: Option<ProofKey>,
    /// Whose session it was; `None` if that is not known.
    #[serde(default)]
    pub(crate) subject: Option<String>,
    /// The [`login_state`](StoredSession::login_state) of a session that the token may belong to: it is not sent while
    /// that session lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waits_for: Option<Secret>,
    /// How often the provider refused it without saying that it always will.
    #[serde(default)]
    pub(crate) refusals: u8,
}

impl Revocation {
    /// What ends this session at the provider: its refresh token, or else its access token.
    pub(crate) fn of(session: &StoredSession) -> Self {
        let subject = Some(session.user.subject.clone());
        let (access_token, refresh_token) = (&session.access_token, session.refresh_token.as_ref());
        Self { subject, ..Self::of_tokens(access_token, refresh_token, session.proof_key.as_ref()) }
    }

    /// The same, of tokens that no session holds.
    pub(crate) fn of_tokens(
        access_token: &Secret,
        refresh_token: Option<&Secret>,
        proof_key: Option<&ProofKey>,
    ) -> Self {
        Self {
            token: refresh_token.unwrap_or(access_token).clone(),
            is_refresh_token: refresh_token.is_some(),
            proof_key: proof_key.cloned(),
            subject: None,
            waits_for: None,
            refusals: 0,
        }
    }

    /// Whether it may end the session of this state. Sessions that are not `apart` are ended together if they are of
    /// one user.
    pub(crate) fn may_end(&self, state: &StoredState, apart: bool) -> bool {
        let of_user = |subject: &String| self.subject.as_ref().is_none_or(|of| of == subject);
        state.refreshable().is_some_and(|current| {
            self.waits_for.as_ref() == Some(&current.login_state) || !apart && of_user(&current.user.subject)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_shows_in_debug() {
        let login = PendingLogin {
            state: Secret::new("seen-state".into()),
            nonce: Secret::new("seen-nonce".into()),
            code_verifier: Secret::new("seen-verifier".into()),
            proof_key: Some(ProofKey::generate()),
            redirect_uri: "a:/b".into(),
            scope: vec![],
            resources: vec![],
            max_age: None,
            subject: None,
            device: None,
            started_at: None,
        };
        let key = Secret::from(login.proof_key.clone().unwrap());
        let shown = format!("{login:?}");
        assert!(!shown.contains("seen") && !shown.contains(key.expose()));
    }
}
