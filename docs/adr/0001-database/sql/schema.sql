CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    locator BYTEA NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    attempt BYTEA,
    history BYTEA NOT NULL,
    secret BYTEA NOT NULL,
    rotated_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    session TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE TABLE consents (
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
