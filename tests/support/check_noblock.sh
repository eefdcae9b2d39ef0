#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check_noblock.sh - nothing blocks a loop's thread
#
# First the guard itself (noblock.h): each call that blocks ends a program on
# a loop's thread, and is let pass elsewhere. Then test programs and tools run
# once more under it. A program's case is: it ran as ever, the guard saw it at
# work on a loop's thread, and had nothing to say. The groups run at once,
# since they mostly wait.
set -u
build=${AWAIT_BUILDDIR:?make check sets it}
guard=$build/tests/support/.libs/noblock.so
blocker=$build/tests/support/blocker
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

if grep -q '^SAN_CFLAGS = .' "$build/Makefile"; then
	echo "1..0 # SKIP the runtime of a sanitizer must be loaded first"
	exit 0
fi

# A case, without its number yet: verdict name [file with what was said]
tell() {
	printf '%s - %s\n' "$1" "$2"
	[ "$1" = ok ] || tail -n 40 "$3" | sed 's/^/# /'
}

# --- The guard ---------------------------------------------------------------

# Does the call end the program, by name? verdict where call
dies() {
	LD_PRELOAD=$guard "$blocker" "$1" "$2" >"$tmp/out" 2>&1
	[ $? = 134 ] && grep -q "^noblock: $2() would block" "$tmp/out"
}

passes() {
	LD_PRELOAD=$guard "$blocker" "$1" "$2" >"$tmp/out" 2>&1 &&
		! grep -q noblock "$tmp/out"
}

# all NAME dies|passes WHERE CALL...: one case
all() {
	local name=$1 how=$2 where=$3 call verdict=ok

	shift 3
	: >"$tmp/bad"
	[ $# -gt 0 ] || echo "no call" >>"$tmp/bad"
	for call; do
		"$how" "$where" "$call" && continue
		{ echo "$call:"; cat "$tmp/out"; } >>"$tmp/bad"
	done 2>/dev/null		# the shell's "Aborted"
	[ -s "$tmp/bad" ] && verdict="not ok"
	tell "$verdict" "$name" "$tmp/bad"
}

the_guard() {
	local calls talks harmless

	calls=$("$blocker" calls)
	talks=$("$blocker" conversations)
	harmless=$("$blocker" harmless)
	# shellcheck disable=SC2086  # lists of words
	{
	all "a task that blocks is ended by name" dies loop $calls $talks
	all "a callback of an embedded loop, too" dies attached $calls $talks
	all "and who is called at the end of a loop" dies end read getaddrinfo fsync
	all "and who blocks with a lock that a loop takes" dies locked $calls
	all "helper threads may block" passes helper $calls
	all "threads without a loop may, too" passes before $calls
	all "what only looks as if it blocked passes" passes loop $harmless
	all "the end of a loop may wait for threads" passes end pthread_join
	}
}

# --- Programs under it -------------------------------------------------------

# under NAME COMMAND...: it succeeds, it was seen on a loop, it never blocks
under() {
	local name=$1 log verdict=ok

	shift
	log=$(mktemp "$tmp/log.XXXXXX")
	(
		export AWAIT_NOBLOCK_LOG=$log LD_PRELOAD=$guard
		"$@"
	) >"$log.out" 2>&1 </dev/null || verdict="not ok"
	grep -q '^not ok' "$log.out" && verdict="not ok"
	grep -q '^looked at [1-9]' "$log" || verdict="not ok"
	grep -q '^noblock: ' "$log" && verdict="not ok"
	cat "$log" >>"$log.out"
	tell "$verdict" "$name never blocks its loop" "$log.out"
}

# program FILE [CASE]
program() {
	under "$1${2:+ ($2)}" env ${2:+CK_RUN_CASE="$2"} "$build/tests/$1"
}

lib_programs() {
	local name

	for name in attach crew dump file file_cancel file_odd io listen \
		listen_unix offload path pool_age pool_close process \
		process_end process_faults resolve serve signal stream \
		stream_cancel stream_connect stream_faults thread; do
		program lib/check_$name
	done
}

pg_programs() {
	[ -e "$build/libawait-pg.la" ] || return
	program db/check_pg
	program db/check_pg_cancel
	program db/check_pg_faults sessions
	program db/check_pg_pool
	program db/check_pg_prepare
	program db/check_pg_stream basic
}

mysql_programs() {
	[ -e "$build/libawait-mysql.la" ] || return
	program db/check_mysql
	program db/check_mysql_cancel
	program db/check_mysql_session
	program db/check_mysql_stream streams
	program db/check_mysql_tx
}

http_programs() {
	[ -e "$build/libawait-http.la" ] || return
	program net/check_http
	program net/check_http_ends
	program net/check_http_limits
	program net/check_http_redirect
	program net/check_http_retry
	program net/check_http_tls
}

# --- The tools under it, from one end to the other ---------------------------

# says TEXT COMMAND...: that is on its standard output
says() {
	local text=$1 out status

	shift
	out=$("$@")
	status=$?
	printf '%s\n' "$out"
	[ $status = 0 ] && [[ $out == *"$text"* ]]
}

awsql() {
	local way dsn

	printf '%s\n' '{"sql":"SELECT 1 AS a UNION SELECT 2"}' >"$tmp/sql"
	for way in PG PG_TLS MYSQL MYSQL_TLS; do
		dsn=AWAIT_TEST_$way
		[ -n "${!dsn-}" ] || continue
		under "awsql $way" says '"rows":[[1],[2]]' "$build/awsql" \
			-d "${!dsn}" -c 2 --stream "$tmp/sql"
	done
}

awfetch() {
	under "awfetch" says '"status":200' "$build/awfetch" --json \
		--cacert "$AWAIT_TEST_CA" "$AWAIT_TEST_HTTPS/" \
		"${AWAIT_TEST_HTTP/127.0.0.1/localhost}/echo"
	under "awfetch -o" "$build/awfetch" -o "$tmp/page" \
		"$AWAIT_TEST_HTTP/a.html"
}

# Eight pages in a ring, to a store of each kind.
fetch_worker() {
	local folder=$AWAIT_TEST_WWW/noblock.$$ store dsn i

	"$AWAIT_SRCDIR/tests/support/servers" createdb "$AWAIT_SERVERS_DIR" \
		"noblock$$" >"$tmp/env" 2>"$tmp/err" || {
		tell "not ok" "fetch_worker's databases" "$tmp/err"
		return
	}
	# shellcheck source=/dev/null
	. "$tmp/env"
	for store in PG MYSQL; do
		mkdir -p "$folder/$store"
		for i in 1 2 3 4 5 6 7 8; do
			echo "<a href=$((i % 8 + 1)).html>next</a>" \
				>"$folder/$store/$i.html"
		done
		dsn=AWAIT_TEST_$store
		under "fetch_worker to $store" says '"stored":8' \
			"$build/fetch_worker" --queue "$AWAIT_TEST_PG" \
			--store "${!dsn}" --follow --drain --seed \
			"$AWAIT_TEST_HTTP/noblock.$$/$store/1.html"
	done
	rm -rf "$folder"
}

tools() {
	local tool

	for tool in awsql awfetch fetch_worker; do
		[ ! -x "$build/$tool" ] || $tool
	done
}

# --- All of it ---------------------------------------------------------------

for group in the_guard lib_programs pg_programs mysql_programs \
	http_programs tools; do
	$group >"$tmp/$group.tap" &
	groups+=" $tmp/$group.tap"
done
wait
# shellcheck disable=SC2086  # a list of words
cat $groups | awk '/^(ok|not ok) - / {
	sub(/ - /, " " ++n " - ")
}
{ print }
END { print "1.." n }'
