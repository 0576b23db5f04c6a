-- An operator can keep a user out without losing what is theirs.
ALTER TABLE users ADD COLUMN disabled_at BIGINT;        -- NULL: the user may sign in
