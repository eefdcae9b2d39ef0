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
	"3$nl"'{"id":["[[","\"[["],"ok":true' hostile "$AWAIT_TEST_PG"

if [ "$("$awsql" -d mysql:// /dev/null 2>&1 | grep -c 'built without')" = 0 ]
then
	printf '%s\n' "$mysql_lines" >"$tmp/mysql"
	expect "MariaDB counts what it did, streamed or not" 0 "0 3 3 3 3 3 3" \
		counts
	expect "and --stream changes nothing of it" 0 "0 3 3 3 3 3 3" \
		counts --stream
fi

# Each line is answered; what is wrong names itself, and the id comes back.
wrong() {
	printf '%s\n' '[1]' '{"id":1}' '{"id":2,"sql":7}' '{"id":3,"sql":' \
		'{"id":4,"sql":"SELECT 1","params":{}}' \
		'{"id":5,"sql":"SELECT $1","params":[[1]]}' \
		'{"id":6,"sql":"SELECT $1","params":[1,{"$bytes":"A"}]}' \
		'{"id":7,"id":8,"sql":"SELECT 1"}' \
		'{"id":9,"sql":"SELECT 1","s\u0071l":"SELECT 2"}' \
		'{"id":10,"sql":"SELECT 1\u0000"}' \
		'{"id":11,"sql":"SELECT 1"} x' '{"id":12,"sql":"SELECT 01",}' \
		'{"id":13,"sql":"SELECT 1","params":[01]}' \
		'{"id":14,"sql":"SELECT 1","params":["\ud800"]}' \
		'{"id":15,"sql":"SELECT 1","params":[tru]}' '"' ''
	printf '{"id":16,"sql":"\377"}\n{"id":17,"sql":"a\tb"}\n'
	printf '{"id":18,"x":'
	head -c 300 /dev/zero | tr '\0' '['
	printf '\n \r\n{"id":19,"sql":"SELECT 1 AS a"}\r\n'
	printf '{"id":20,"sql":"SELECT 1 AS a"}'
}
wrong_answers() {
	wrong >"$tmp/wrong"
	"$awsql" -d "$AWAIT_TEST_PG" "$tmp/wrong" | sed \
		-e 's/.*"id":\([^,]*\),"ok":false.*"message":\(.*\)}}$/\1 \2/' \
		-e 's/"columns.*//'
}
expect "whatever is wrong with a line is told, and its id comes back" 0 \
'null "the line is no JSON: an object is expected, byte 1"
1 "the line has no \"sql\""
2 "\"sql\" is no string"
3 "the line is no JSON: a value is missing, byte 15"
4 "\"params\" is no array"
5 "parameter 1 is not null, a boolean, a number, a string or {\"$bytes\": base64}"
6 "the $bytes of parameter 2 are no base64"
7 "the line has \"id\" twice"
9 "the line has \"sql\" twice"
10 "\"sql\" has a NUL in it"
11 "the line is no JSON: something follows its end, byte 28"
12 "the line is no JSON: a key is missing, byte 28"
13 "the line is no JSON: a number with a zero in front, byte 37"
14 "parameter 1: invalid Unicode '"'"'\\uD800'"'"' near '"'"'\"\\ud800\"'"'"'"
15 "the line is no JSON: no value begins like this, byte 37"
null "the line is no JSON: an object is expected, byte 1"
16 "the line is no JSON: a string that is no UTF-8, byte 17"
17 "the line is no JSON: a control character in a string, byte 18"
18 "the line is JSON of more than 256 levels"
{"id":19,"ok":true,
{"id":20,"ok":true,' wrong_answers

ids() {
	printf '{"id":%s,"sql":"SELECT 1"}\n' 123456789012345678901234567890 \
		-0.10000000000000000000000001e-400 '"a\u0000\ud800\/"' \
		'{"a\u0000":[1, 2 ,{"\" ":null}]}' >"$tmp/ids"
	"$awsql" -d "$AWAIT_TEST_PG" "$tmp/ids" | sed 's/,"ok":true.*//'
}
expect "an id comes back as it was written, whatever it is" 0 \
'{"id":123456789012345678901234567890
{"id":-0.10000000000000000000000001e-400
{"id":"a\u0000\ud800\/"
{"id":{"a\u0000":[1,2,{"\" ":null}]}' ids

long_line() {
	{
		head -c 140000000 /dev/zero | tr '\0' ' '
		printf '{"id":1,"sql":"SELECT 1"}\n{"id":2,"sql":"SELECT 1"}'
	} | "$awsql" -d "$AWAIT_TEST_PG" | cut -c1-50
}
expect "a line without end is cut off, and the next one runs" 0 \
'{"id":null,"ok":false,"error":{"name":"AW_ELIMIT",
{"id":2,"ok":true,"columns":["?column?"],"types":[' long_line

numbers='[123456789012345678901234567890.0123456789,18446744073709551615,0.10000000000000001,1.2345678901234567e-30,-9223372036854775808,0.1]'
expect "numbers keep all their digits" 0 \
'{"id":1,"ok":true,"columns":["a","b","c","d","e","f"],"types":["numeric","numeric","numeric","float8","int8","numeric"],"rows":[["123456789012345678901234567890.0123456789","18446744073709551615","0.10000000000000001","1.2345678901234567e-30","-9223372036854775808",0.1]],"affected":1}' \
	ask '{"id":1,"sql":"SELECT $1::numeric(40,10) AS a, $2::numeric AS b, $3::numeric AS c, $4::float8 AS d, $5::int8 AS e, $6::numeric AS f","params":'"$numbers"'}'
expect "a NUL in a string is for bytea, and an error of its parameter else" 0 \
'{"id":1,"ok":false,"error":{"name":"AW_EILSEQ","sqlstate":null,"native":0,"message":"parameter $2 is of type text, and the value has a NUL in it, which is for bytea"}}
{"id":2,"ok":true,"columns":["bytea"],"types":["bytea"],"rows":[[{"$bytes":"YQBi"}]],"affected":1}' \
	ask '{"id":1,"sql":"SELECT $1::int, $2::text","params":[1,"a\u0000b"]}
{"id":2,"sql":"SELECT $1::bytea","params":["a\u0000b"]}'

expect "and are strings where a double could not hold them" 0 \
'{"id":1,"ok":true,"columns":["a","b","c","d","e","f","g","h","i"],"types":["int8","int8","int8","numeric","numeric","numeric","numeric","float8","float8"],"rows":[["123456789012345000",9007199254740992,"-9007199254740993","1'"$(printf '%0400d' 0)"'","0.'"$(printf '%0399d' 0)"'1","123456789012345000.50",0.00,1e+22,1e-300]],"affected":1}' \
	ask '{"id":1,"sql":"SELECT 123456789012345000 AS a, 9007199254740992 AS b, -9007199254740993 AS c, 1e400::numeric AS d, 1e-400::numeric AS e, 123456789012345000.50 AS f, -0.00 AS g, 1e22::float8 AS h, 1e-300::float8 AS i"}'

undone() {
	printf '%s\n' '{"id":1,"sql":"BEGIN"}' '{"id":2,"sql":"SELECT 1/0"}' \
		'{"id":3,"sql":"SELECT 1"}' "{\"id\":4,\"sql\":\"$1\"}" \
		'{"id":5,"sql":"SELECT 5 AS n","params":null}' >"$tmp/undone"
	shift
	"$awsql" -d "$AWAIT_TEST_PG" "$@" "$tmp/undone" |
		sed -n -e '4s/"native.*"message"/"message"/' -e '4p' \
			-e '5s/,"ok":true,"columns"/,"columns"/' \
			-e '5s/,"columns".*"rows"/,"rows"/' -e '5p'
}
for tx_end in COMMIT 'END;' '/* a /* b */ c */ COMMIT' 'PREPARE TRANSACTION '"'a'"; do
	expect "$tx_end of a transaction that has failed is a failure" 0 \
'{"id":4,"ok":false,"error":{"name":"AW_ETXDEAD","sqlstate":"22012","message":"the transaction had failed before: the server has rolled it back"}}
{"id":5,"rows":[[5]],"affected":1}' undone "$tx_end"
done
expect "streamed, too" 0 \
'{"id":4,"ok":false,"error":{"name":"AW_ETXDEAD","sqlstate":"22012","message":"the transaction had failed before: the server has rolled it back"}}
{"id":5,"rows":[[5]],"affected":1,"ok":true}' undone COMMIT --stream
expect "and a ROLLBACK is none" 0 \
'{"id":4,"ok":true,"columns":[],"types":[],"rows":[],"affected":0}
{"id":5,"rows":[[5]],"affected":1}' undone ROLLBACK
cut_tx() {
	printf '%s\n' '{"sql":"BEGIN"}' '{"sql":"SELECT pg_sleep(20)"}' \
		'{"id":3,"sql":"COMMIT"}' >"$tmp/cut"
	"$awsql" -d "$AWAIT_TEST_PG" -t 3 "$tmp/cut" |
		sed -n '3s/"sqlstate.*//p'
}
expect "nor is a COMMIT true behind a statement that was cut short" 0 \
	'{"id":3,"ok":false,"error":{"name":"AW_ETXDEAD",' cut_tx

# A signal ends it at once, whatever it waits for, and is named.
signalled() {
	rm -f "$tmp/out"
	mkfifo "$tmp/fifo"
	"$awsql" -d "$AWAIT_TEST_PG" $3 "$tmp/fifo" >"$tmp/out" 2>"$tmp/said" &
	pid=$!
	exec 7<>"$tmp/fifo"
	printf '{"sql":"SELECT 1"}\n' >&7
	until [ -s "$tmp/out" ] ||
		! kill -0 $pid 2>/dev/null; do sleep 0.05; done
	rm "$tmp/fifo"
	if [ "$2" ]; then
		printf '{"sql":"%s"}\n' "$2" >&7
		until ask "{\"sql\":\"SELECT pid FROM pg_stat_activity WHERE application_name = 'awsql' AND state = 'active' AND query = '$2'\"}" |
			grep -q '"rows":\[\[[0-9]' ||
			! kill -0 $pid 2>/dev/null
		do sleep 0.05; done
	fi
	kill "-$1" $pid
	timeout 60 tail --pid=$pid -f /dev/null || kill -KILL $pid
	wait $pid
	echo $?
	cat "$tmp/said"
	exec 7>&-
}
for signal in TERM INT; do
	stopped="1${nl}AW_ECANCELED: stopped by SIG$signal"
	expect "SIG$signal while it waits for a line" 0 "$stopped" \
		signalled $signal ''
	expect "SIG$signal amid a statement" 0 "$stopped" \
		signalled $signal "SELECT pg_sleep(60 + $$)"
	expect "SIG$signal with several connections" 0 "$stopped" \
		signalled $signal "SELECT pg_sleep(70 + $$)" '-c 4'
done

# ends COMMAND... : its exit status and what it says, without the answers
ends() {
	"$@" 2>&1 >"$tmp/out" | cut -d: -f2-
}
full() {
	ask '{"sql":"SELECT 1"}' 2>&1 >/dev/full | cut -d: -f2-
	ask '{"sql":"SELECT 1"}' 2>&1 >&- | cut -d: -f2-
}
expect "an output that takes nothing ends the program" 0 \
	" cannot write: No space left on device$nl cannot write: Bad file descriptor" full
gone() {
	lines >"$tmp/many"
	{
		"$awsql" -d "$AWAIT_TEST_PG" "$tmp/many" 2>"$tmp/gone"
		echo $? >"$tmp/rc"
	} | head -n 1 >"$tmp/out"
	cut -d: -f2- "$tmp/gone"
	cat "$tmp/rc"
}
expect "so does one that is closed" 0 " cannot write: Broken pipe${nl}1" gone
expect "a folder is no file of lines" 0 \
	" cannot read $tmp: Is a directory" ends "$awsql" -d "$AWAIT_TEST_PG" "$tmp"

several='{"id":1,"sql":"SELECT 1 AS a; SELECT 2 AS b, '"'x;y'"' AS c"}
{"id":2,"sql":"SELECT 1; SELECT nope; SELECT 3"}
{"id":3,"sql":"CREATE TEMPORARY TABLE several_lines (a int); INSERT INTO several_lines VALUES (1), (2)"}
{"id":4,"sql":"SELECT a FROM several_lines ORDER BY a;"}'
# Streamed they are the same, but for the place of "ok".
same_several() {
	printf '%s\n' "$several" >"$tmp/several"
	"$awsql" -d "$1" --text "$tmp/several" >"$tmp/whole"
	"$awsql" -d "$1" --text --stream "$tmp/several" |
		sed 's/^\({"id":[0-9]*\)\(,"columns.*\),"ok":true}$/\1,"ok":true\2}/' |
		diff "$tmp/whole" - &&
		grep -c '"rows":\[\["2","x;y"\]\]\|"rows":\[\["1"\],\["2"\]\]' "$tmp/whole"
}
expect "of several commands the last result wins, streamed or not" 0 2 \
	same_several "$AWAIT_TEST_PG"

# What the largest of its processes had in memory, in MiB.
peak() {
	ASAN_OPTIONS=quarantine_size_mb=1 python3 - "$@" <<'EOF'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
EOF
}
bounded() {
	for size in 1000 200000; do
		printf '{"sql":"%s"}\n' "$2 $size) s; SELECT 1" \
			"SELECT 1; $2 $size) s" >"$tmp/bounded"
		peak "$awsql" -d "$1" --text --stream "$tmp/bounded"
	done | {
		read -r few
		read -r many
		[ $((many - few)) -lt 40 ] || echo "$few MiB, then $many MiB"
	}
	"$awsql" -d "$1" --text --stream "$tmp/bounded" |
		awk '{ print (length($0) > 200000000), /^{"id":null,"columns":.*"ok":true}$/ }'
}
expect "and memory stays bounded, whichever has the rows" 0 "0 1${nl}1 1" \
	bounded "$AWAIT_TEST_PG" \
	"SELECT repeat('x', 1000) FROM generate_series(1,"

# The lines of a transaction that is lost never commit one by one.
lost='{"id":1,"sql":"BEGIN"}
{"id":2,"sql":"INSERT INTO lost_lines VALUES (1)"}
{"id":3,"sql":"CUT"}
{"id":4,"sql":"INSERT INTO lost_lines VALUES (2)"}
{"id":5,"sql":"ROLLBACK TO SAVEPOINT x"}
{"id":6,"sql":"/* a */ COMMIT"}
{"id":7,"sql":"SELECT count(*) AS n FROM lost_lines"}
{"id":8,"sql":"BEGIN"}
{"id":9,"sql":"INSERT INTO lost_lines VALUES (1)"}
{"id":10,"sql":"CUT"}
{"id":11,"sql":"ROLLBACK"}
{"id":12,"sql":"CUT"}
{"id":13,"sql":"SELECT count(*) AS n FROM lost_lines"}'
lost_lines() {
	dsn=$1 cut=$2
	shift 2
	printf '%s\n' '{"sql":"DROP TABLE IF EXISTS lost_lines"}' \
		'{"sql":"CREATE TABLE lost_lines (a int)"}' >"$tmp/in"
	"$awsql" -d "$dsn" "$tmp/in" >"$tmp/out"
	printf '%s\n' "$lost" | sed "s/CUT/$cut/" >"$tmp/lost"
	"$awsql" -d "$dsn" "$@" "$tmp/lost" | sed \
		-e 's/"ok":true.*"rows":\[\(.*\)\],"aff.*/\1/' \
		-e 's/"error.*;/";/' -e 's/"error.*"AW_ETXDEAD.*:/"AW_ETXDEAD:/'
}
gone_tx='"ok":false,"; the connection is gone with its settings, temporary tables and open transaction: lines fail until one ends it"}}'
lost_answers='{"id":1,
{"id":2,
{"id":3,'$gone_tx'
{"id":4,"ok":false,"AW_ETXDEAD: ROLLBACK first"}}
{"id":5,"ok":false,"AW_ETXDEAD: ROLLBACK first"}}
{"id":6,"ok":false,"AW_ETXDEAD: it is over now"}}
{"id":7,[0]
{"id":8,
{"id":9,
{"id":10,'$gone_tx'
{"id":11,
{"id":12,"ok":false,"; the connection is gone with its settings and temporary tables: the next line has a fresh one"}}
{"id":13,[0]'
expect "the lines of a transaction that is lost fail until its end" 0 \
	"$lost_answers" lost_lines "$AWAIT_TEST_PG" \
	"SELECT pg_terminate_backend(pg_backend_pid())"

if [ -f "$tmp/mysql" ]; then
	my=$AWAIT_TEST_MYSQL
	ask_my() {
		printf '%s\n' "$1" >"$tmp/in"
		"$awsql" -d "$my" "$tmp/in"
	}
	expect "MariaDB loses a connection at -t, and says what went with it" \
		0 "$lost_answers" lost_lines "$my" "SELECT SLEEP(30)" -t 3
	expect "and streams several commands" 0 2 same_several "$my"
	expect "in bounded memory" 0 "0 1${nl}1 1" bounded "$my" \
		"SELECT repeat('x', 1000) FROM (SELECT * FROM seq_1_to_200000 LIMIT"
	expect "and keeps a NUL and all digits" 0 \
'{"id":1,"ok":true,"columns":["a","b","c","d"],"types":["char","decimal","decimal","double"],"rows":[["a\u0000b","123456789012345678901234567890.0123456789","18446744073709551615","1.2345678901234567e-30"]],"affected":1}' \
		ask_my '{"id":1,"sql":"SELECT ? AS a, ? AS b, ? AS c, ? AS d","params":["a\u0000b",123456789012345678901234567890.0123456789,18446744073709551615,1.2345678901234567e-30]}'
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
