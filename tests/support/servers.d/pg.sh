# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# PostgreSQL: user await (superuser, so that tests may create what they like),
# user await_tls who is let in over TLS only, database await.
#   DATA/pg/data  cluster      HOME/pg  unix socket

pg_find() {
	local dir

	PG_BIN=${AWAIT_PG_BIN-}
	if [ -z "$PG_BIN" ]; then
		for dir in /usr/lib/postgresql/*/bin; do
			[ ! -x "$dir/initdb" ] || PG_BIN=$dir
		done
	fi
	[ -x "$PG_BIN/initdb" ] ||
		die "PostgreSQL is missing: run scripts/setup servers"
}

pg_user() {
	user_or_self postgres
}

pg_init() {
	local user pw

	user=$(pg_user)
	own "$DATA/pg" "$user"
	own "$HOME_DIR/pg" "$user"
	tls_key_for "$user" "$DATA/pg"
	pw=$(mktemp "$HOME_DIR/pw.XXXXXX")
	secret >"$pw"
	[ "$(id -u)" != 0 ] || chown "$user:" "$pw"
	as_user "$user" "$PG_BIN/initdb" -D "$DATA/pg/data" -U await \
		--pwfile="$pw" --encoding=UTF8 --locale=C.UTF-8 --no-sync \
		--auth-local=trust --auth-host=scram-sha-256 \
		>"$DIR/pg.log" 2>&1 || { complain_start pg; return 1; }
	rm -f -- "$pw"
}

pg_ports() {
	save_ports pg 1
}

# full_page_writes and synchronous_commit stay on: tests kill servers, which
# may leave half of a page in the page cache, and a commit that has only
# reached shared memory would be lost. fsync only matters when the machine
# itself falls.
pg_configure() {
	local sync=off

	[ -z "${AWAIT_SERVERS_DURABLE-}" ] || sync=on
	cat >"$DATA/pg/data/postgresql.auto.conf" <<END
listen_addresses = '127.0.0.1'
port = $(port_of pg)
unix_socket_directories = '$HOME_DIR/pg'
unix_socket_permissions = 0700
ssl = on
ssl_cert_file = '$DATA/tls/server.pem'
ssl_key_file = '$DATA/pg/server.key'
max_connections = 200
shared_buffers = 64MB
fsync = $sync
max_wal_size = 512MB
autovacuum_naptime = 60s
log_min_messages = warning
log_line_prefix = '%m [%p] %u@%d '
logging_collector = off
END
	cat >"$DATA/pg/data/pg_hba.conf" <<'END'
local     all all                    trust
hostnossl all await_tls all          reject
host      all all       127.0.0.1/32 scram-sha-256
END
}

pg_launch() {
	local user

	user=$(pg_user)
	# We know that ours is dead.  PostgreSQL would ask the kernel, which
	# counts a killed one as alive until process 1 has reaped it: in a
	# container that may be never.
	rm -f -- "$DATA/pg/data/postmaster.pid" "$HOME_DIR"/pg/.s.PGSQL.*.lock
	if [ "$(id -u)" = 0 ]; then
		launch pg setpriv --reuid="$user" --regid="$user" --init-groups -- \
			"$PG_BIN/postgres" -D "$DATA/pg/data"
	else
		launch pg "$PG_BIN/postgres" -D "$DATA/pg/data"
	fi
}

pg_ready() {
	"$PG_BIN/pg_isready" -q -h "$HOME_DIR/pg" -p "$(port_of pg)" -d postgres
}

pg_psql() {
	PGOPTIONS='-c client_min_messages=warning' \
		"$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$HOME_DIR/pg" \
		-p "$(port_of pg)" -U await -d postgres "$@"
}

pg_finish() {
	pg_psql -c "CREATE ROLE await_tls SUPERUSER LOGIN PASSWORD '$(secret)'" &&
		pg_createdb await
}

pg_createdb() {
	pg_psql -c "DROP DATABASE IF EXISTS \"$1\" WITH (FORCE)" \
		-c "CREATE DATABASE \"$1\""
}

# Fast shutdown: sessions are ended with 57P01, as an administrator would.
pg_stop() {
	signal pg INT
}

pg_env() {
	local port pw at

	port=$(port_of pg)
	pw=$(secret)
	at=127.0.0.1:$port/$1
	var AWAIT_TEST_PG "postgresql://await@/$1?host=$HOME_DIR/pg&port=$port"
	var AWAIT_TEST_PG_TCP "postgresql://await:$pw@$at?sslmode=disable"
	var AWAIT_TEST_PG_TLS "postgresql://await_tls:$pw@$at?sslmode=verify-full&sslrootcert=$DATA/tls/ca.pem"
	var AWAIT_TEST_PG_PORT "$port"
}
