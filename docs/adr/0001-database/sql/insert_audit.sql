INSERT INTO audit (seq, at, event, session, detail)
VALUES ((SELECT COALESCE(MAX(seq), 0) + 1 FROM audit), $1, 'refresh.rotated', $2, $3)
