//! How the database fails.

/// The database could not do what it was asked. No message of these holds a value of a row.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached or its commit failed: nothing was changed, try again (HTTP 503).
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A row like this exists, or one that it needs does not.
    #[error("a constraint of the database forbids this: {0}")]
    Constraint(String),
    /// A statement is wrong, or a row is not of the shape that the program expects: a defect.
    #[error("the database and the program disagree: {0}")]
    Defect(String),
    /// A text holds the character U+0000, which no text in the database can: the input is bad (HTTP 400).
    #[error("a text holds the character U+0000")]
    InvalidText,
    /// The request's own code panicked inside its transaction; what it wrote was undone.
    #[error("the request failed inside its transaction")]
    Panicked,
    /// The database was written by a newer version of the server, or is not ours.
    #[error("the database can't be used: {0}")]
    Unusable(String),
    /// The tables are older than this version's, or there are none, and the caller may not change that. A start does.
    #[error("the database can't be read: {0}")]
    Outdated(String),
}

impl StoreError {
    /// Another request changed the row that this one decided about.
    #[must_use]
    pub fn raced() -> Self {
        Self::Unavailable("another request changed the row meanwhile".to_owned())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Self::Constraint(error.to_string()),
            Some(ErrorCode::NotADatabase) => Self::Unusable(error.to_string()),
            Some(ErrorCode::Unknown) | None => Self::Defect(error.to_string()),
            Some(_) => Self::Unavailable(error.to_string()),
        }
    }
}
