//! Stored authorization requests: valid, and waiting for sign-in and consent.

use std::time::Duration;

use moorline_server_base::clock::Timestamp;
use moorline_server_base::policy::Scope;
use moorline_server_store::{Capped, Row, StoreError, Tx, Value};

/// A valid request that waits for a user.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Names it in the addresses of our pages.
    pub id: String,
    /// The client that asks.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What is asked for.
    pub scope: Scope,
    /// Given back to the client with the answer.
    pub state: Option<String>,
    /// Goes into the ID token.
    pub nonce: Option<String>,
    /// The PKCE challenge (S256).
    pub code_challenge: String,
    /// The thumbprint of the key that the code is to be exchanged with (`dpop_jkt`, RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// What the client wants shown.
    pub prompt: Prompt,
    /// How old the sign-in may be.
    pub max_age: Option<Duration>,
    /// The user name to begin with.
    pub login_hint: Option<String>,
    /// When it arrived: a sign-in after this is a fresh one.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// What a user did for this request on our pages.
    pub decision: Option<Decision>,
}

/// `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Show nothing: answer at once or with an error.
    pub none: bool,
    /// Have the user sign in again (`login`, and `select_account`: signing in is how one chooses).
    pub login: bool,
    /// Ask for consent again.
    pub consent: bool,
}

/// What a user did for a request on our pages; the last act counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What they did.
    pub act: Act,
    /// Who did it.
    pub user_id: String,
}

/// One act of a user for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// They typed their password on the sign-in page of this request.
    SignIn,
    /// They allowed it on the consent page.
    Allow,
    /// They denied it there.
    Deny,
}

impl Act {
    const ALL: [Self; 3] = [Self::SignIn, Self::Allow, Self::Deny];

    const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.name() == name)
    }
}

impl Prompt {
    /// Reads `prompt`; `None` when it has an unknown value, or `none` with another.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut prompt = Self::default();
        for value in text.split(' ').filter(|value| !value.is_empty()) {
            match value {
                "none" => prompt.none = true,
                "login" | "select_account" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return None,
            }
        }
        (!prompt.none || !(prompt.login || prompt.consent)).then_some(prompt)
    }

    fn to_text(self) -> String {
        let names = [(self.none, "none"), (self.login, "login"), (self.consent, "consent")];
        names.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
    }
}

/// The request of this id, unless it has expired or was answered.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn load(tx: &mut dyn Tx, id: &str, now: Timestamp) -> Result<Option<AuthorizationRequest>, StoreError> {
    tx.first(
        "SELECT id, client_id, redirect_uri, scope, state, nonce, code_challenge, dpop_jkt, prompt, max_age, login_hint,
         created_at, expires_at, decision, decided_by
         FROM authorization_requests WHERE id = $1 AND expires_at > $2",
        &[Value::from(id), now.into()],
    )?
    .as_ref()
    .map(read)
    .transpose()
}

pub(super) fn insert(tx: &mut dyn Tx, request: &AuthorizationRequest) -> Result<(), StoreError> {
    if WAITING.make_room(tx, MOST_WAITING)? > 0 {
        tracing::warn!(
            "more than {MOST_WAITING} sign-ins have been begun and not ended: the oldest are deleted"
        );
    }
    let max_age = request.max_age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    tx.execute(
        "INSERT INTO authorization_requests (id, client_id, redirect_uri, scope, state, nonce, code_challenge,
         prompt, max_age, login_hint, created_at, expires_at, dpop_jkt)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        &[
            Value::from(&request.id),
            (&request.client_id).into(),
            (&request.redirect_uri).into(),
            request.scope.to_string().into(),
            request.state.clone().into(),
            request.nonce.clone().into(),
            (&request.code_challenge).into(),
            request.prompt.to_text().into(),
            max_age.into(),
            request.login_hint.clone().into(),
            request.created_at.into(),
            request.expires_at.into(),
            request.dpop_jkt.clone().into(),
        ],
    )?;
    Ok(())
}

/// Deletes old requests that no user has answered: anybody can make them, and each is up to a few KB. First go those
/// just behind the newest that may stay.
static WAITING: Capped = Capped::new(
    // The condition stands twice: Postgres looks again at a row that it had to wait for, and then at the outer one.
    "DELETE FROM authorization_requests WHERE decision IS NULL AND id IN (SELECT id FROM authorization_requests
     WHERE decision IS NULL ORDER BY expires_at DESC, id LIMIT $1 OFFSET $2)",
);

/// How many requests may wait for a user. They last ten minutes: that is 33 sign-ins begun in a second.
const MOST_WAITING: i64 = 20_000;

/// Stores what the user did. Returns whether the request was still there.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn decide(tx: &mut dyn Tx, id: &str, decision: &Decision) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE authorization_requests SET decision = $2, decided_by = $3 WHERE id = $1",
        &[Value::from(id), decision.act.name().into(), (&decision.user_id).into()],
    )?;
    Ok(changed == 1)
}

/// Deletes the request, because it is about to be answered. Returns `false` if it was answered before.
pub(super) fn consume(tx: &mut dyn Tx, id: &str) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM authorization_requests WHERE id = $1", &[id.into()])? == 1)
}

fn read(row: &Row) -> Result<AuthorizationRequest, StoreError> {
    let defect = |column: &str| StoreError::Defect(format!("authorization_requests.{column} is malformed"));
    let owned = |column| Ok::<_, StoreError>(row.optional_text(column)?.map(str::to_owned));
    let decision = match (row.optional_text("decision")?, owned("decided_by")?) {
        (Some(act), Some(user_id)) => {
            Some(Decision { act: Act::named(act).ok_or_else(|| defect("decision"))?, user_id })
        }
        _ => None,
    };
    Ok(AuthorizationRequest {
        id: row.text("id")?.to_owned(),
        client_id: row.text("client_id")?.to_owned(),
        redirect_uri: row.text("redirect_uri")?.to_owned(),
        scope: Scope::parse(row.text("scope")?).map_err(|_| defect("scope"))?,
        state: owned("state")?,
        nonce: owned("nonce")?,
        code_challenge: row.text("code_challenge")?.to_owned(),
        dpop_jkt: owned("dpop_jkt")?,
        prompt: Prompt::parse(row.text("prompt")?).ok_or_else(|| defect("prompt"))?,
        max_age: row
            .optional_integer("max_age")?
            .map(|seconds| u64::try_from(seconds).map(Duration::from_secs))
            .transpose()
            .map_err(|_| defect("max_age"))?,
        login_hint: owned("login_hint")?,
        created_at: row.timestamp("created_at")?,
        expires_at: row.timestamp("expires_at")?,
        decision,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::TestServer;
    use moorline_server_store::Actor;

    #[tokio::test]
    async fn of_too_many_requests_the_oldest_that_nobody_answered_are_deleted() {
        let server = TestServer::start().await;
        server.client("id=app,redirect=com.example.notes:/signed-in").await;
        for number in 0..12 {
            let id = server.authorization_request("app", "com.example.notes:/signed-in").await;
            let changes = [Value::from(format!("{number:02}")), Value::from(i64::from(number)), id.into()];
            server
                .sql(
                    "UPDATE authorization_requests SET id = $1, expires_at = $2 WHERE id = $3",
                    changes.to_vec(),
                )
                .await;
        }
        let decided = "UPDATE authorization_requests SET decision = 'allow' WHERE id = '01'";
        server.sql(decided, Vec::new()).await;
        let actor = Actor::System("a test");
        let deleted = server.state.store.write(&actor, |tx| WAITING.prune(tx, 8)).await.unwrap();
        assert_eq!(deleted, 3);
        let left = server.select("SELECT id FROM authorization_requests ORDER BY id").await;
        let left: Vec<_> = left.iter().map(|row| row.text("id").unwrap()).collect();
        assert_eq!(left, ["01", "04", "05", "06", "07", "08", "09", "10", "11"]);
    }
}
