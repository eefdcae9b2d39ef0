#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_awsql.sh - the command line of awsql, against real servers
#
# TAP. The tool is looked for in the build folder; a build without it has
# nothing to test here.
#
# shellcheck disable=SC2016  # $1 is a placeholder of SQL
awsql=${AWAIT_BUILDDIR:-.}/awsql
[ -x "$awsql" ] || { echo "1..0 # SKIP awsql is not built"; exit 0; }
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0
nl='
'
mysql_lines='{"sql":"CREATE TEMPORARY TABLE counted (a int)"}
{"sql":"INSERT INTO counted VALUES (?), (2), (?)","params":[1,3]}
{"sql":"UPDATE counted SET a = 1"}
{"sql":"UPDATE counted SET a = 1"}
{"sql":"UPDATE counted SET a = 1"}
{"sql":"SELECT a FROM counted"}
{"sql":"DELETE FROM counted WHERE a = ?","params":[1]}'

# expect NAME STATUS WANTED COMMAND... : output (first line unless WANTED has
# several) and exit status are as said
expect() {
	name=$1 status=$2 wanted=$3
	shift 3
	got=$("$@" 2>"$tmp/err" </dev/null)
	rc=$?
	n=$((n + 1))
	if [ "$got" = "$wanted" ] && [ "$rc" = "$status" ]; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		printf '%s\n' "$got" "status $rc" | cat - "$tmp/err" | sed 's/^/# /'
	fi
}

ask() {
	printf '%s\n' "$1" >"$tmp/in"
	shift
	"$awsql" -d "$AWAIT_TEST_PG" "$@" "$tmp/in"
}

expect "values are numbers only while a double holds them" 0 \
'{"id":1,"ok":true,"columns":["a","b","c","d","e","f"],"types":["int4","int8","numeric","bytea","bool","text"],"rows":[[42,"9007199254740993",1.50,{"$bytes":"AP8="},true,null]],"affected":1}' \
	ask '{"id":1,"sql":"SELECT $1::int AS a, 9007199254740993 AS b, 1.50 AS c, $2::bytea AS d, $3::bool AS e, $4::text AS f","params":[42,{"$bytes":"AP8="},true,null]}'

expect "with --text every value is the server's own text or null" 0 \
'{"id":1,"ok":true,"columns":["a","b","c"],"types":["int4","bytea","bool"],"rows":[["1","\\x00ff",null]],"affected":1}' \
	ask '{"id":1,"sql":"SELECT 0; SELECT 1 AS a, '"'\\\\x00ff'"'::bytea AS b, null::bool AS c"}' --text

expect "an error is part of the answer" 0 \
'{"id":null,"ok":false,"error":{"name":"AW_ESQL","sqlstate":"42P01","native":0,"message":"relation \"nowhere\" does not exist"}}' \
	ask '{"sql":"SELECT * FROM nowhere"}'

expect "what is no JSON is answered, too" 0 \
'{"id":null,"ok":false,"error":{"name":"AW_EINVAL","sqlstate":null,"native":0,"message":"the line has no \"sql\""}}' \
	ask '{}'

expect "a limit in seconds ends a statement" 0 \
'{"id":7,"ok":false,"error":{"name":"AW_ETIME","sqlstate":null,"native":0,"message":"the deadline passed"}}' \
	ask '{"id":7,"sql":"SELECT pg_sleep(20)"}' -t 0.1

expect "a transaction may span lines on one connection" 0 \
'{"id":1,"ok":true,"columns":[],"types":[],"rows":[],"affected":0}
{"id":2,"ok":true,"columns":[],"types":[],"rows":[],"affected":0}
{"id":3,"ok":true,"columns":["n"],"types":["int8"],"rows":[[0]],"affected":1}
{"id":4,"ok":true,"columns":[],"types":[],"rows":[],"affected":0}' \
	ask '{"id":1,"sql":"BEGIN"}
{"id":2,"sql":"CREATE TABLE spanned (a int)"}

{"id":3,"sql":"SELECT count(*) AS n FROM spanned"}
{"id":4,"sql":"ROLLBACK"}'

lines() {
	i=0
	while [ $i -lt 60 ]; do
		i=$((i + 1))
		echo '{"id":'$i',"sql":"SELECT $1::int AS n, pg_sleep(random() / 50)","params":['$i']}'
	done
}
in_order() {
	lines >"$tmp/many"
	"$awsql" -d "$AWAIT_TEST_PG" -c 8 "$@" "$tmp/many" |
		sed -n 's/.*"id":\([0-9]*\),.*"rows":\[\[\([0-9]*\),.*/\1 \2/p' |
		awk '$1 == $2 && $1 == NR { ok++ } END { print ok }'
}
expect "concurrent answers come in the order of the lines" 0 60 in_order
expect "and so do streamed ones" 0 60 in_order --stream

streamed() {
	ask '{"id":1,"sql":"SELECT 10 / (150000 - g) AS n, repeat('"'x'"', 20) FROM generate_series(1, 150001) g"}' --stream |
		awk '{ print (length($0) > 3000000), /"ok":false,"error":.*"22012"/ }'
}
expect "an error behind streamed rows is told at their end" 0 "1 1" streamed

counts() {
	"$awsql" -d "$AWAIT_TEST_MYSQL" "$@" "$tmp/mysql" |
		sed 's/.*"affected":\([0-9]*\).*/\1/' | tr '\n' ' ' |
		sed 's/ $//'
}

# Levels of JSON are levels of a stack; a NUL does not end a line.
hostile() {
	{
		head -c 200000 /dev/zero | tr '\0' '['
		printf '\n{"id":1,"sql":"SELECT 1","x":"["}\0 {\n\0\n'
		printf '{"id":99999999999999999999,"sql":"SELECT 1"}\n'
		printf '{"id":["[[","\\"[["],"sql":"SELECT 1 AS a"}'
	} >"$tmp/hostile"
	"$awsql" -d "$1" "$tmp/hostile" | grep -c '"ok":false'
	"$awsql" -d "$1" "$tmp/hostile" | tail -n 1 | cut -d, -f1-3
}
expect "lines that are hostile are answered like all others" 0 \
	"4$nl"'{"id":["[[","\"[["],"ok":true' hostile "$AWAIT_TEST_PG"

if [ "$("$awsql" -d mysql:// /dev/null 2>&1 | grep -c 'built without')" = 0 ]
then
	printf '%s\n' "$mysql_lines" >"$tmp/mysql"
	expect "MariaDB counts what it did, streamed or not" 0 "0 3 3 3 3 3 3" \
		counts
	expect "and --stream changes nothing of it" 0 "0 3 3 3 3 3 3" \
		counts --stream
fi

# Ten seconds for each of sixty lines would be ten minutes.
down() {
	lines >"$tmp/many"
	timeout 250 "$awsql" -d "$1" "$tmp/many" | grep -c \
		'"ok":false,"error":{"name":"AW_EPOOL".*check host and port'
}
expect "a server that is down is waited for once, not for each line" 0 60 \
	down 'host=127.0.0.1 port=1 user=u dbname=d sslmode=disable'
expect "a wrong option is refused with the usage" 2 "" "$awsql" --nonsense
expect "a file that is not there is refused" 1 "" "$awsql" "$tmp/none"
expect "a DSN that cannot be understood ends the program" 1 "" \
	"$awsql" -d "nonsense" /dev/null
echo "1..$n"
