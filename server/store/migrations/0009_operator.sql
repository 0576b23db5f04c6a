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

-- Whether the database has a revocation log, which a start requires then.
ALTER TABLE instance ADD COLUMN has_log BIGINT NOT NULL DEFAULT 0;

-- Revocations are deleted with the sessions that they are of.
CREATE INDEX session_ends_by_time ON session_ends (ended_at);
