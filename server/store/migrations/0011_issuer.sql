-- serves-from: 9
-- The issuer that the tokens, sessions and apps of this database know.
ALTER TABLE instance ADD COLUMN issuer TEXT;            -- NULL: the next start records it
