//! The columns of the table.

use crate::wire::Binding;

/// What sessions are like in a column of the table, and whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Column {
    Bound,
    Bearer,
    Peer,
    BoundPostgres,
    BearerPostgres,
    SignIn,
}

impl Column {
    /// As it is written over the table.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Bound => "bound tokens (DPoP)",
            Self::Bearer => "bearer tokens",
            Self::Peer => "oidc-provider 9",
            Self::BoundPostgres => "bound tokens, on Postgres",
            Self::BearerPostgres => "bearer tokens, on Postgres",
            Self::SignIn => "sign-in, bound",
        }
    }

    pub(crate) const fn binding(self) -> Binding {
        match self {
            Self::Bound | Self::BoundPostgres | Self::Peer | Self::SignIn => Binding::Bound,
            Self::Bearer | Self::BearerPostgres => Binding::Bearer,
        }
    }

    /// Whether our server's database is Postgres.
    pub(crate) const fn is_on_postgres(self) -> bool {
        matches!(self, Self::BoundPostgres | Self::BearerPostgres)
    }
}
