-- Types that SQLite and Postgres both understand: TEXT, BIGINT (numbers, truth values, Unix milliseconds in …_at), BYTEA.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    name TEXT,
    email TEXT,
    email_verified BIGINT NOT NULL DEFAULT 0,
    roles TEXT NOT NULL,                    -- JSON array
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE browser_sessions (
    id_hash BYTEA PRIMARY KEY,              -- SHA-256 of the cookie's value
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    authenticated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX browser_sessions_by_user ON browser_sessions (user_id);

CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret_hash BYTEA,                      -- NULL: a public client
    redirect_uris TEXT NOT NULL,            -- JSON array
    scopes TEXT NOT NULL,                   -- separated by spaces
    origins TEXT NOT NULL,                  -- JSON array: browser origins that may call us (CORS)
    consent TEXT NOT NULL,                  -- 'ask' or 'skip'
    created_at BIGINT NOT NULL
);

CREATE TABLE authorization_requests (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    scope TEXT NOT NULL,
    state TEXT,
    nonce TEXT,
    code_challenge TEXT NOT NULL,
    prompt TEXT NOT NULL,
    max_age BIGINT,                         -- seconds
    login_hint TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decision TEXT,                          -- 'allow' or 'deny', once asked
    decided_by TEXT
);
CREATE INDEX authorization_requests_by_end ON authorization_requests (expires_at);

CREATE TABLE codes (
    code_hash BYTEA PRIMARY KEY,            -- SHA-256
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    scope TEXT NOT NULL,
    nonce TEXT,
    code_challenge TEXT NOT NULL,
    auth_time_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    session_id TEXT                         -- what its first use issued
);
CREATE INDEX codes_by_end ON codes (expires_at);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,                    -- the sid claim
    locator BYTEA NOT NULL UNIQUE,          -- what its refresh tokens name it by
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    answered_scope TEXT NOT NULL,           -- what the last access token allowed: a retry gets no more
    secret BYTEA NOT NULL,                  -- sealed
    generation BIGINT NOT NULL,
    attempt BYTEA,                          -- SHA-256 of the attempt key that made this generation
    history BYTEA NOT NULL,                 -- attempts of the generations before, see oauth::rotation
    hole BYTEA NOT NULL,                    -- generations skipped by heals, see oauth::rotation
    dpop_jkt TEXT,                          -- NULL: a bearer session
    created_at BIGINT NOT NULL,
    auth_time_at BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    minute_at BIGINT NOT NULL,              -- the start of the minute in which rotations are counted
    minute_rotations BIGINT NOT NULL,
    idle_end_at BIGINT NOT NULL,
    absolute_end_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_why TEXT
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE consents (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,                    -- all that was ever allowed
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);

CREATE TABLE notes (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX notes_by_user ON notes (user_id, created_at, id);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    alg TEXT NOT NULL,
    private_key BYTEA NOT NULL,             -- sealed PKCS #8
    published_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,              -- signs from here on
    retired_at BIGINT                       -- signs no more; published until its last token is dead
);

CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    severity TEXT NOT NULL,
    actor TEXT,                             -- pseudonym
    session_id TEXT,
    client_id TEXT,
    detail TEXT NOT NULL                    -- JSON without secrets
);
