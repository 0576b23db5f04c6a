SELECT id, client_id, user_id, generation, attempt, history, secret, rotated_at, revoked_at
FROM sessions WHERE locator = $1
