-- Names and passwords by RFC 8265, and what slows guessing down (ADR 19).

ALTER TABLE users ADD COLUMN username_key TEXT;         -- the user name as it is compared; NULL: not yet, or it can't be
ALTER TABLE users ADD COLUMN devices_from BIGINT NOT NULL DEFAULT 0; -- devices known since before then count no more
CREATE UNIQUE INDEX users_by_username_key ON users (username_key);
CREATE INDEX users_without_username_key ON users (id) WHERE username_key IS NULL;

-- The costs of stored hashes: a name that nobody has takes as long as one with any of them.
CREATE TABLE password_costs (
    prefix TEXT PRIMARY KEY                -- a hash in PHC form up to its salt
);
-- After the cost there are a salt of 16 bytes and a hash of 32, each after a dollar.
INSERT INTO password_costs (prefix)
    SELECT DISTINCT substr(password_hash, 1, length(password_hash) - 67) FROM users
    WHERE password_hash LIKE '$argon2id$%' AND length(password_hash) > 67;

CREATE TABLE sign_in_tries (
    key BYTEA PRIMARY KEY,                 -- an HMAC of what is counted: an account, or one from an address or a device
    next_at BIGINT NOT NULL,               -- from here on there may be another try
    ends_at BIGINT NOT NULL                -- from here on all of them are forgotten
);
CREATE INDEX sign_in_tries_by_end ON sign_in_tries (ends_at);
