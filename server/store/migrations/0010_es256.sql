-- serves-from: 9
-- Keys for ES256. A server from before reads every row of signing_keys as an RSA key, so these have their own table.
CREATE TABLE es256_keys (
    kid TEXT PRIMARY KEY,
    private_key BYTEA NOT NULL,             -- sealed PKCS #8
    published_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,              -- signs from here on
    retired_at BIGINT                       -- signs no more; published until its last token has expired
);

-- What the client's access tokens are signed with: 'RS256' or 'ES256'.
ALTER TABLE clients ADD COLUMN access_token_alg TEXT NOT NULL DEFAULT 'RS256';
