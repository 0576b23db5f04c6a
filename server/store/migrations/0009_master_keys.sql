-- Keys that outlive the master key that they were derived from, sealed.
CREATE TABLE kept_keys (
    name TEXT PRIMARY KEY,
    sealed BYTEA NOT NULL
);

-- The master keys that may have sealed a row, and when a server last sealed by each.
CREATE TABLE master_keys (
    id TEXT PRIMARY KEY,
    served_at BIGINT NOT NULL
);
