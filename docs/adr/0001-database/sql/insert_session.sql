INSERT INTO sessions (id, locator, client_id, user_id, generation, history, secret, rotated_at)
VALUES ($1, $2, 'notes', 'ada', 0, $3, $4, $5)
