//! The audit log: rows that are written in the transaction of what they record.
//!
//! No row holds a secret; people appear by pseudonym.

use moorline_server_base::clock::Timestamp;
use moorline_server_base::sampled::Sampled;
use moorline_server_store::{Actor, Engine, StoreError, Tx, Value};

/// How much attention an event deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Part of a normal day.
    Info,
    /// Somebody may be attacking a person: they, or their operator, should hear of it.
    Alert,
    /// The server itself is not well: wake its operator.
    Page,
}

impl Severity {
    const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Alert => "alert",
            Self::Page => "page",
        }
    }
}

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name, such as `refresh.rotated`.
    pub name: &'static str,
    /// How much attention it deserves.
    pub severity: Severity,
    /// The pseudonym of the person ([`moorline_server_keys::Keys::pseudonym`]).
    pub actor: Option<String>,
    /// The session (`sid`).
    pub session_id: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// More, as a JSON object without secrets.
    pub detail: serde_json::Value,
}

impl Event {
    /// An everyday event without any particulars.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            severity: Severity::Info,
            actor: None,
            session_id: None,
            client_id: None,
            detail: serde_json::Value::Null,
        }
    }

    /// The same with more attention.
    #[must_use]
    pub const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same about this person, by pseudonym.
    #[must_use]
    pub fn actor(mut self, pseudonym: impl Into<String>) -> Self {
        self.actor = Some(pseudonym.into());
        self
    }

    /// The same about this session.
    #[must_use]
    pub fn session(mut self, sid: impl Into<String>) -> Self {
        self.session_id = Some(sid.into());
        self
    }

    /// The same about this client.
    #[must_use]
    pub fn client(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// The same with these particulars (a JSON object).
    #[must_use]
    pub fn detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = detail;
        self
    }

    /// Fills in what the event does not say and its actor does.
    fn by(mut self, actor: &Actor) -> Self {
        let Actor::User(user) = actor else { return self };
        self.actor.get_or_insert_with(|| user.pseudonym.clone());
        self.session_id = self.session_id.or_else(|| user.session_id.clone());
        self.client_id = self.client_id.or_else(|| user.client_id.clone());
        if let Some(proof) = &user.proof {
            self.detail["proof"] = proof.as_str().into();
        }
        self
    }
}

/// Appends `event` in the transaction `tx`. User, session and client that the event does not name, and the DPoP proof,
/// come from the transaction's actor.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub fn append(tx: &mut dyn Tx, now: Timestamp, event: Event) -> Result<(), StoreError> {
    let event = event.by(tx.actor());
    if event.severity != Severity::Info {
        tracing::warn!(
            event = event.name,
            severity = event.severity.name(),
            session = event.session_id.as_deref(),
            client = event.client_id.as_deref(),
            "audit"
        );
    }
    let detail = if event.detail.is_null() { "{}".to_owned() } else { event.detail.to_string() };
    let insert = match tx.engine() {
        Engine::Sqlite => {
            "INSERT INTO audit (seq, at, event, severity, actor, session_id, client_id, detail)
             SELECT COALESCE(MAX(seq), 0) + 1, $1, $2, $3, $4, $5, $6, $7 FROM audit"
        }
        // Numbered by its identity column: transactions run side by side, and a number that is undone leaves a gap.
        Engine::Postgres => {
            "INSERT INTO audit (at, event, severity, actor, session_id, client_id, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7)"
        }
    };
    tx.defer(
        insert,
        &[
            Value::from(now),
            event.name.into(),
            event.severity.name().into(),
            event.actor.into(),
            event.session_id.into(),
            event.client_id.into(),
            detail.into(),
        ],
        1,
    )
}

/// What anybody can cause without proving anything. It is counted in the log, and never stored: a stranger could fill
/// the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproved {
    /// A client that is unknown, or whose secret is wrong.
    ClientAuthFailed,
    /// A refresh token of no session.
    UnknownRefreshToken,
    /// A sign-in under a name that nobody has.
    UnknownUser,
}

/// Counts an event that nobody proved. There is a line in the log now and then.
pub fn count(event: Unproved) {
    static COUNTS: [(Unproved, &str, Sampled); 3] = [
        (Unproved::ClientAuthFailed, "client.auth_failed", Sampled::new()),
        (Unproved::UnknownRefreshToken, "refresh.unknown", Sampled::new()),
        (Unproved::UnknownUser, "sign_in.unknown_user", Sampled::new()),
    ];
    let counted = COUNTS.iter().find(|(known, ..)| *known == event);
    if let Some((_, event, sampled)) = counted
        && let Some(left_out) = sampled.due()
    {
        tracing::info!(event, left_out, "not stored, since nobody proved who they are");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::Home;
    use moorline_server_store::{Options, Store, UserIds};

    #[tokio::test]
    async fn events_are_numbered_in_the_order_of_their_commits() {
        let home = Home::new();
        let store = Store::open(&Options::new(home.database())).unwrap();
        let actor = Actor::System("test");
        for name in ["one", "two"] {
            let event = Event::new(name).session("sid").client("app").actor("p").severity(Severity::Alert);
            store.write(&actor, move |tx| append(tx, Timestamp::from_millis(5), event)).await.unwrap();
        }
        let refused = store
            .write(&actor, |tx| {
                append(tx, Timestamp::from_millis(6), Event::new("undone"))?;
                Err::<(), _>(StoreError::Panicked)
            })
            .await;
        assert!(refused.is_err());
        let rows = store.read(&actor, |tx| tx.query("SELECT * FROM audit ORDER BY seq", &[])).await.unwrap();
        let seen: Vec<_> =
            rows.iter().map(|row| (row.integer("seq").unwrap(), row.text("event").unwrap())).collect();
        assert_eq!(seen, [(1, "one"), (2, "two")]);
        assert_eq!(rows[0].text("severity").unwrap(), "alert");
        assert_eq!(rows[0].text("detail").unwrap(), "{}");
    }

    #[tokio::test]
    async fn a_row_names_the_user_of_its_transaction_unless_the_event_names_another() {
        let home = Home::new();
        let store = Store::open(&Options::new(home.database())).unwrap();
        let ids = UserIds {
            pseudonym: "ada".to_owned(),
            session_id: Some("sid".to_owned()),
            client_id: Some("app".to_owned()),
            proof: Some("hash".to_owned()),
        };
        let now = Timestamp::from_millis(5);
        let actor = Actor::User(ids);
        store.write(&actor, move |tx| append(tx, now, Event::new("own"))).await.unwrap();
        let other = Event::new("other").client("web").detail(serde_json::json!({ "note": "n" }));
        store.write(&actor, move |tx| append(tx, now, other)).await.unwrap();
        store.write(&Actor::System("test"), move |tx| append(tx, now, Event::new("none"))).await.unwrap();
        let rows = store.read(&actor, |tx| tx.query("SELECT * FROM audit ORDER BY seq", &[])).await.unwrap();
        let seen = rows.iter().map(|row| {
            let column = |name| row.optional_text(name).unwrap();
            (column("actor"), column("session_id"), column("client_id"), column("detail").unwrap())
        });
        let expected = [
            (Some("ada"), Some("sid"), Some("app"), r#"{"proof":"hash"}"#),
            (Some("ada"), Some("sid"), Some("web"), r#"{"note":"n","proof":"hash"}"#),
            (None, None, None, "{}"),
        ];
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    }
}
