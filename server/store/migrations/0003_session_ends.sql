-- Every end of a session that must outlive a restore, numbered as it was committed; see restore.
CREATE TABLE session_ends (
    seq BIGINT PRIMARY KEY,
    session_id TEXT NOT NULL,
    why TEXT NOT NULL,
    ended_at BIGINT NOT NULL
);
INSERT INTO session_ends (seq, session_id, why, ended_at)
    SELECT ROW_NUMBER() OVER (ORDER BY revoked_at, id), id, revoked_why, revoked_at
    FROM sessions WHERE revoked_at IS NOT NULL AND revoked_why <> 'expired';

-- One row: which database this is, and the latest time at which a server looked after it.
CREATE TABLE instance (
    id TEXT PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
