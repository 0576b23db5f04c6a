UPDATE sessions SET generation = generation + 1, attempt = $3, history = $4, rotated_at = $5
WHERE locator = $1 AND generation = $2 AND revoked_at IS NULL
