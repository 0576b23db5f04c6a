//! What went wrong on a connection, and whether the transaction may run again.

use std::error::Error as _;

use moorline_server_base::trust::explained;

use crate::StoreError;

/// A failed statement, `COMMIT` or connection.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    pub(super) kind: Kind,
}

/// What a [`Failure`] means for its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Another transaction was in the way (40001, 40P01), or changed what a deferred statement relies on: run it again.
    Conflict,
    /// A prepared statement is out of date: prepare anew, and run it again.
    Stale,
    /// The connection is gone. Run it again, unless `COMMIT` was sent.
    Lost,
    /// Running it again would not help.
    Fatal,
}

impl Failure {
    pub(super) const fn fatal(error: StoreError) -> Self {
        Self { error, kind: Kind::Fatal }
    }

    pub(super) fn lost(why: &str) -> Self {
        Self { error: StoreError::Unavailable(why.to_owned()), kind: Kind::Lost }
    }
}

/// Only codes and names of the schema are kept: Postgres puts values of rows into its messages.
impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            let text = cause(&error);
            let lost = error.is_closed()
                || error.source().is_some_and(|source| source.is::<std::io::Error>())
                || !is_ours(&error);
            return if lost { Self::lost(&text) } else { Self::fatal(StoreError::Defect(text)) };
        };
        let code = database.code();
        let text = format!("SQLSTATE {}", code.code());
        match code.code() {
            "40001" | "40P01" => Self { error: StoreError::Unavailable(text), kind: Kind::Conflict },
            // A division by zero is how a deferred statement fails that changed another number of rows.
            "22012" => Self { error: StoreError::raced(), kind: Kind::Conflict },
            // "cached plan must not change result type": a newer version of the server has changed the table.
            "0A000" => Self { error: StoreError::Defect(text), kind: Kind::Stale },
            other if other.starts_with("23") => {
                let name = database.constraint().or(database.column()).unwrap_or_default();
                Self::fatal(StoreError::Constraint(format!("{text} {name}")))
            }
            // The server ends the connection: it stops or starts, or the connection was idle for too long.
            other if other.starts_with("57P0") || other == "25P03" => Self::lost(&text),
            // A write reached a standby: after a failover another connection leads to the primary.
            "25006" => Self::lost(&text),
            // The server is short of something, or a time limit.
            other if ["08", "53", "57", "58"].iter().any(|class| other.starts_with(class)) => {
                Self::fatal(StoreError::Unavailable(text))
            }
            "55P03" => Self::fatal(StoreError::Unavailable(text)),
            // Wrong password, unknown role or database: an operator has to act.
            other if other.starts_with("28") || other.starts_with("3D") => Self::fatal(StoreError::Unusable(
                format!("its server refuses the connection ({text}): {}", database.message()),
            )),
            _ => Self::fatal(StoreError::Defect(text)),
        }
    }
}

/// Whether the error is about how the statement was called, and not about the connection.
fn is_ours(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    ["error serializing parameter", "error deserializing column", "invalid column", "unexpected number of"]
        .iter()
        .any(|start| text.starts_with(start))
}

/// The error and its cause in one line.
pub(super) fn cause(error: &tokio_postgres::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", explained(source)))
}
