#!/bin/sh
# Run a command beside a PostgreSQL of its own, on the loopback, gone afterwards: with_postgres.sh COMMAND...
set -eu

bin=$(dirname "$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb | tail -n 1)")
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then # a server does not run as root
    chown postgres "$folder"
    as_owner() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
fi
stop() {
    as_owner "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT INT TERM
(
    cd "$folder"
    as_owner "$bin/initdb" -D "$folder/data" -U almoner -A trust -E UTF8 --no-sync >/dev/null
    as_owner "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w \
        -o "-c listen_addresses=127.0.0.1 -p $port -k $folder -c fsync=off" start >/dev/null
)
ALMONER_TEST_DATABASE_URL="postgresql://almoner@127.0.0.1:$port/almoner" "$@"
