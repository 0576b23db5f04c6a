//! What a place at a database is taken for, and what those who share one share.

/// What a place at a database is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To serve it. On Postgres, nodes that share a store may be many; any other is alone.
    Serve {
        /// Whether this node has a shared store.
        shares: bool,
    },
    /// To do with it what no server may run beside.
    Maintain,
    /// To change it by a command, beside servers and other commands, but not beside one that maintains it.
    Command,
}

/// A name of what nodes share: nodes that share the same have the same one.
pub type StoreId = [u8; 16];
