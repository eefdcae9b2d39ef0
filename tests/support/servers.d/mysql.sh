# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# MariaDB: user await (all privileges), user await_tls who is let in over TLS
# only, database await.
#   DATA/mysql/data  data      HOME/mysql/s  unix socket

mysql_find() {
	local PATH=$PATH:/usr/sbin

	if ! MYSQL_INSTALL=$(command -v mariadb-install-db) ||
		! MYSQL_BIN=$(command -v mariadbd) ||
		! MYSQL_CLI=$(command -v mariadb); then
		die "MariaDB is missing: run scripts/setup servers"
	fi
}

mysql_user() {
	user_or_self mysql
}

mysql_init() {
	local user

	user=$(mysql_user)
	own "$DATA/mysql" "$user"
	own "$HOME_DIR/mysql" "$user"
	tls_key_for "$user" "$DATA/mysql"
	# Written before the first start, read by every one: it is repeatable.
	# Accounts without a host part are matched last, so the empty ones of the
	# installation go first.
	cat >"$DATA/mysql/init.sql" <<END
DELETE FROM mysql.global_priv WHERE User = '' OR User = 'root';
FLUSH PRIVILEGES;
CREATE USER IF NOT EXISTS 'await'@'%' IDENTIFIED BY '$(secret)';
CREATE USER IF NOT EXISTS 'await_tls'@'%' IDENTIFIED BY '$(secret)' REQUIRE SSL;
GRANT ALL ON *.* TO 'await'@'%' WITH GRANT OPTION;
GRANT ALL ON *.* TO 'await_tls'@'%' WITH GRANT OPTION;
CREATE DATABASE IF NOT EXISTS await;
END
	[ "$(id -u)" != 0 ] || chown "$user:" "$DATA/mysql/init.sql"
	as_user "$user" "$MYSQL_INSTALL" --no-defaults --skip-test-db \
		--datadir="$DATA/mysql/data" --innodb-log-file-size=64M \
		--auth-root-authentication-method=normal \
		--skip-log-error --tmpdir="$DATA/mysql" \
		>"$DIR/mysql.log" 2>&1 || { complain_start mysql; return 1; }
}

mysql_ports() {
	save_ports mysql 1
}

# innodb_flush_log_at_trx_commit = 2 writes at each commit and leaves the
# flush to the kernel: a killed server loses nothing, only a fallen machine
# would.  0 would lose a second of commits.
mysql_configure() {
	local flush=2

	[ -z "${AWAIT_SERVERS_DURABLE-}" ] || flush=1
	cat >"$DATA/mysql/my.cnf" <<END
[mysqld]
datadir = $DATA/mysql/data
tmpdir = $DATA/mysql
socket = $HOME_DIR/mysql/s
pid-file = $DATA/mysql/pid
init-file = $DATA/mysql/init.sql
bind-address = 127.0.0.1
port = $(port_of mysql)
skip-name-resolve
ssl-ca = $DATA/tls/ca.pem
ssl-cert = $DATA/tls/server.pem
ssl-key = $DATA/mysql/server.key
character-set-server = utf8mb4
max_connections = 300
performance_schema = off
innodb_buffer_pool_size = 64M
innodb_log_file_size = 64M
innodb_flush_log_at_trx_commit = $flush
key_buffer_size = 1M
aria_pagecache_buffer_size = 8M
table_open_cache = 400
skip-log-bin
END
}

mysql_launch() {
	local as=()

	[ "$(id -u)" != 0 ] || as=("--user=$(mysql_user)")
	launch mysql "$MYSQL_BIN" --defaults-file="$DATA/mysql/my.cnf" \
		"${as[@]}" --console
}

mysql_cli() {
	MYSQL_PWD=$(secret) "$MYSQL_CLI" --no-defaults -u await \
		-S "$HOME_DIR/mysql/s" "$@"
}

# The init file has run when our user is let in.
mysql_ready() {
	mysql_cli -e 'USE await' >/dev/null 2>&1
}

mysql_finish() {
	:
}

mysql_createdb() {
	mysql_cli -e "DROP DATABASE IF EXISTS \`$1\`; CREATE DATABASE \`$1\`"
}

mysql_stop() {
	signal mysql TERM
}

mysql_env() {
	local port pw at

	port=$(port_of mysql)
	pw=$(secret)
	at=127.0.0.1:$port/$1
	var AWAIT_TEST_MYSQL "mysql://await:$pw@localhost/$1?unix_socket=$HOME_DIR/mysql/s"
	var AWAIT_TEST_MYSQL_TCP "mysql://await:$pw@$at"
	var AWAIT_TEST_MYSQL_TLS "mysql://await_tls:$pw@$at?ssl_ca=$DATA/tls/ca.pem&ssl_verify=1"
	var AWAIT_TEST_MYSQL_PORT "$port"
}
