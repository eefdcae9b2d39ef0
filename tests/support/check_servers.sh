#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check_servers - the servers that all other tests stand on, and the crawler
# that says what a crawl must find
set -u
support=$(cd -- "$(dirname -- "$0")" && pwd)
n=0

# ok NAME COMMAND...: one case, in TAP
ok() {
	local name=$1 out

	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		printf 'ok %d - %s\n' "$n" "$name"
	else
		printf 'not ok %d - %s\n' "$n" "$name"
		printf '%s\n' "$out" | sed 's/^/# /'
	fi
}

servers() {
	"$support/servers" "$@"
}

pg() {
	psql -X -A -t -v ON_ERROR_STOP=1 -d "$1" -c "$2"
}

# my FORM QUERY: FORM is unix, tcp or tls
my() {
	local pw=${AWAIT_TEST_MYSQL#*:*:} how=()

	pw=${pw%%@*}
	case $1 in
	unix) how=(-u await -S "${AWAIT_TEST_MYSQL##*unix_socket=}") ;;
	tcp) how=(-u await --skip-ssl) ;;
	tls_refused) how=(-u await_tls --skip-ssl) ;;
	tls) how=(-u await_tls --ssl-ca="$AWAIT_TEST_CA" \
		--ssl-verify-server-cert) ;;
	esac
	[ "$1" = unix ] || how+=(-h 127.0.0.1 -P "$AWAIT_TEST_MYSQL_PORT")
	MYSQL_PWD=$pw mariadb --no-defaults "${how[@]}" -N -B -e "$2"
}

# get URL: the status, by hand, since curl's program need not be there
get() {
	local at=${AWAIT_TEST_HTTP#http://} line

	exec 3<>"/dev/tcp/${at%:*}/${at#*:}"
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
	read -r -u 3 _ line _ && printf '%s\n' "$line"
}

answers() {
	[ "$(pg "$AWAIT_TEST_PG" 'SELECT 1')" = 1 ] &&
	[ "$(pg "$AWAIT_TEST_PG_TCP" 'SELECT 2')" = 2 ] &&
	[ "$(pg "$AWAIT_TEST_PG_TLS" 'SELECT ssl FROM pg_stat_ssl
		WHERE pid = pg_backend_pid()')" = t ] &&
	[ "$(my unix 'SELECT 1')" = 1 ] &&
	[ "$(my tcp 'SELECT 2')" = 2 ] &&
	[ -n "$(my tls "SHOW STATUS LIKE 'Ssl_cipher'" | cut -f 2)" ] &&
	[ "$(get /index.html)" = 200 ] && [ "$(get /status/503)" = 503 ]
}

refuses_plain() {
	! pg "${AWAIT_TEST_PG_TLS%%\?*}?sslmode=disable" 'SELECT 1' &&
	! my tls_refused 'SELECT 1'
}

refuses_other_ca() {
	! pg "${AWAIT_TEST_PG_TLS%sslrootcert=*}sslrootcert=$AWAIT_TEST_OTHER_CA" \
		'SELECT 1' &&
	! AWAIT_TEST_CA=$AWAIT_TEST_OTHER_CA my tls 'SELECT 1'
}

own_database() (
	eval "$(servers createdb "$dir" mine)" &&
	pg "$AWAIT_TEST_PG" 'CREATE TABLE t (i int); INSERT INTO t VALUES (7)' &&
	my unix 'CREATE TABLE mine.t (i int); INSERT INTO mine.t VALUES (8)' &&
	eval "$(servers createdb "$dir" mine)" &&
	! pg "$AWAIT_TEST_PG" 'TABLE t' && ! my unix 'TABLE mine.t'
)

no_such_database() {
	! servers createdb "$dir" 'x"; DROP DATABASE await'
}

# What was committed a moment before is there again, on the same ports.
survives_kill() {
	my unix 'CREATE TABLE await.t (i int)' &&
	pg "$AWAIT_TEST_PG" 'CREATE TABLE t AS SELECT 7 AS i' && back pg &&
	my unix 'INSERT INTO await.t VALUES (8)' && back mysql &&
	back nginx && servers status "$dir" &&
	[ "$(pg "$AWAIT_TEST_PG_TCP" 'TABLE t')" = 7 ] &&
	[ "$(my tcp 'SELECT i FROM await.t')" = 8 ] && answers
}

back() {
	servers kill "$dir" "$1" && ! servers status "$dir" &&
		servers up "$dir" "$1"
}

restarts() {
	local name

	for name in pg mysql nginx; do
		servers restart "$dir" "$name" || return 1
	done
	servers status "$dir" && answers
}

processes() {
	grep -lzF -- "$1" /proc/[0-9]*/cmdline 2>/dev/null
}

stops() {
	local home

	home=$(readlink "$dir/home")
	servers stop "$dir" && [ ! -e "$home" ] && [ ! -e "$dir/pg" ] &&
	[ -e "$dir/pg.log" ] && ! processes "$dir/pg" &&
	! processes "$dir/mysql" && ! processes "$dir/nginx"
}

# The owner is killed outright; its servers notice.
goes_with_owner() {
	local owner home left=200

	sleep 600 &
	owner=$!
	AWAIT_SERVERS_OWNER=$owner servers start "$dir" nginx || return 1
	home=$(readlink "$dir/home")
	kill -KILL "$owner"
	wait "$owner"
	while [ -e "$home" ] || processes "$dir/nginx"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.1
	done
}

refuses_folder() {
	mkdir "$dir.other" && : >"$dir.other/mine" &&
	! servers start "$dir.other" nginx && [ -e "$dir.other/mine" ] &&
	! servers stop "$dir.other" && [ -e "$dir.other/mine" ]
}

# Each link below is a rule: relative, entity, fragment, white space, query,
# another port, host and scheme, no page, not a link, <base>.
crawls() {
	local www=$dir.other/www u=http://h:1

	mkdir -p "$www/d" && cat >"$www/index.html" <<'END'
<a href="d/x.html#part">1</a> <A HREF=" y.html?a=1&amp;b=2 ">2</A>
<a href="#here">3</a> <a href="http://h:2/z.html">4</a>
<a href="https://h:1/z.html">5</a> <a href="//g:1/z.html">6</a>
<a href="gone.html">7</a> <link href="z.html"> <a name="z.html">8</a>
<a href="mailto:x@example.org">9</a> <!-- <a href="z.html">10</a> -->
END
	printf '<base href="/d/e/"><a href="../w%%20.html">1</a>' \
		>"$www/d/x.html"
	cp "$www/index.html" "$www/z.html"
	: >"$www/y.html"
	: >"$www/d/w .html"
	[ "$("$support/crawl.py" "$www" "$u/index.html" | cut -f 1)" = \
		"$(printf '%s\n' "$u/d/w%20.html" "$u/d/x.html" \
		"$u/index.html" "$u/y.html?a=1&b=2")" ] &&
	[ "$("$support/crawl.py" --missing "$www" "$u/index.html")" = \
		"$u/gone.html" ] &&
	[ "$("$support/crawl.py" "$www" "$u/d/x.html" | cut -f 2 | tail -n 1)" = \
		"$(sha256sum <"$www/d/x.html" | cut -d ' ' -f 1)" ]
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/await-check.XXXXXX") || exit 99
chmod 755 "$tmp"
dir=$tmp/servers
finish() {
	servers stop "$dir" 2>/dev/null
	rm -rf -- "$tmp"
}
trap finish EXIT

printf '1..11\n'
if ! servers start "$dir"; then
	printf 'Bail out! the servers do not start\n'
	exit 1
fi
# shellcheck source=/dev/null
. "$dir/env"
ok "unix sockets, TCP, TLS and HTTP answer" answers
ok "the user of TLS is not let in without it" refuses_plain
ok "another authority is not believed" refuses_other_ca
ok "a database of one's own is fresh each time" own_database
ok "a name that is none makes no database" no_such_database
ok "what was committed survives SIGKILL" survives_kill
ok "a restart keeps the ports" restarts
ok "stop leaves no process, socket or data" stops
ok "servers go with their owner" goes_with_owner
ok "a folder with other things in it is refused" refuses_folder
ok "the independent crawler follows what it must" crawls
