-- What the retention deletes is found without reading whole tables. None of these columns changes at a refresh.

CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX sessions_by_absolute_end ON sessions (absolute_end_at);
CREATE INDEX sessions_by_revocation ON sessions (revoked_at);
CREATE INDEX browser_sessions_by_end ON browser_sessions (expires_at);
