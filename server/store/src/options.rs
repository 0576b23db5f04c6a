//! How a database is opened.

use std::time::Duration;

use moorline_server_base::config::Database;

/// Where the database is and how it is opened.
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) database: Database,
    pub(super) readers: usize,
    pub(super) lanes: usize,
    pub(super) patience: Duration,
}

impl Options {
    /// This database. A file is created if absent (its folder is not).
    pub fn new(database: impl Into<Database>) -> Self {
        Self { database: database.into(), readers: 2, lanes: 16, patience: Duration::from_secs(40) }
    }

    /// How many connections to SQLite read side by side (at least one).
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// How many connections to Postgres there are at most (at least one).
    #[must_use]
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = lanes.max(1);
        self
    }

    /// How long a request waits for a Postgres server that does not answer, over all its tries. It should be longer
    /// than a statement may take there (30 seconds).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}
