-- DPoP (RFC 9449): which clients need it, and the key that an authorization request was made for.

ALTER TABLE clients ADD COLUMN dpop_bound_access_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE authorization_requests ADD COLUMN dpop_jkt TEXT;    -- RFC 9449 §10
ALTER TABLE codes ADD COLUMN dpop_jkt TEXT;                     -- as the request said
