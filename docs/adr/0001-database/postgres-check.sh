#!/bin/sh
# Runs the very statements that SQLite ran (sql/*.sql) on a throw-away PostgreSQL: the common subset holds or this fails.
set -eu
# PostgreSQL refuses to run as root.
[ "$(id -u)" != 0 ] || exec runuser -u nobody -- sh "$0"
here=$(cd "$(dirname "$0")" && pwd)
cd /
folder=$(mktemp -d)
stop() { pg_ctl -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"; }
trap stop EXIT
initdb -D "$folder/data" -U moorline --auth=trust >/dev/null
pg_ctl -D "$folder/data" -l "$folder/log" -w -o "-c listen_addresses='' -k $folder" start >/dev/null
prepare() { printf 'PREPARE %s AS %s;\n' "$1" "$(cat "$here/sql/$1.sql")"; }
{
    cat "$here/sql/schema.sql"
    for statement in insert_session select_session rotate_session insert_audit upsert_consent; do prepare $statement; done
    cat <<'SQL'
BEGIN;
SAVEPOINT request;
EXECUTE insert_session('s1', '\x01', '\x00', '\x07', 1800000000000);
EXECUTE select_session('\x01');
EXECUTE rotate_session('\x01', 0, '\xaa', '\x00', 1800000000001);
EXECUTE rotate_session('\x01', 0, '\xaa', '\x00', 1800000000001);
EXECUTE insert_audit(1800000000001, 's1', '{}');
EXECUTE upsert_consent('ada', 'notes', 'openid', 1);
EXECUTE upsert_consent('ada', 'notes', 'openid profile', 2);
RELEASE SAVEPOINT request;
COMMIT;
SELECT generation, rotated_at FROM sessions;
SQL
} | psql -h "$folder" -U moorline -d postgres -v ON_ERROR_STOP=1 -q -t -A | tee "$folder/out"
[ "$(tail -1 "$folder/out")" = "1|1800000000001" ] && echo "the same statements run on $(psql --version)"
