#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check_awfetch - awfetch's command line, output and exit status
set -u
awfetch=$AWAIT_BUILDDIR/awfetch
at=$AWAIT_TEST_HTTP
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0

# case NAME: what the commands before it noted in $fail is the verdict
fail=
verdict() {
	n=$((n + 1))
	if [ -z "$fail" ]; then
		printf 'ok %d - %s\n' "$n" "$1"
	else
		printf 'not ok %d - %s\n' "$n" "$1"
		printf '%s\n' "$fail" "$(cat "$tmp/err")" | sed 's/^/# /'
	fi
	fail=
}

# run WANTED_STATUS ARG...: output in $tmp/out, complaints in $tmp/err
run() {
	local want=$1 got

	shift
	"$awfetch" "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	[ "$got" = "$want" ] || fail+="awfetch $*: status $got, not $want. "
}

# has PATTERN, lacks PATTERN, says PATTERN: grep in output and complaints
has() {
	grep -q -e "$1" "$tmp/out" || fail+="no $1 in the output. "
}

lacks() {
	! grep -q -e "$1" "$tmp/out" || fail+="$1 is in the output. "
}

says() {
	grep -q -e "$1" "$tmp/err" || fail+="no $1 in the complaint. "
}

# field NAME: its value in the JSON object of line $line
line=1
field() {
	sed -n "${line}p" "$tmp/out" | python3 -c "import json, sys
v = json.load(sys.stdin)
for k in sys.argv[1].split('.'):
    v = v[k] if v is not None else None
print(json.dumps(v))" "$1"
}

is() {
	local got

	got=$(field "$1")
	[ "$got" = "$2" ] || fail+="line $line: $1 is $got, not $2. "
}

bytes() {
	[ "$(wc -c <"$tmp/out")" = "$1" ] ||
		fail+="$(wc -c <"$tmp/out") bytes, not $1. "
}

for tool in "$awfetch" "$(command -v python3)"; do
	[ -x "$tool" ] && continue
	echo "1..0 # SKIP awfetch was not built, or there is no python3"
	exit 0
done

run 0 "$at/redirect/0" "$at/a.html" "$at/redirect/0"
{ echo done; cat "$AWAIT_TEST_WWW/a.html"; echo done; } |
	cmp -s - "$tmp/out" || fail+="not the three bodies in order. "
verdict "bodies come in the order of the URLs"

seq 1 60 | sed "s|.*|$at/echo?n=&|" >"$tmp/urls"
run 0 -P 20 --per-host 7 -i "$tmp/urls"
[ "$(grep -o 'echo?n=[0-9]*' "$tmp/out")" = \
	"$(seq 1 60 | sed 's/^/echo?n=/')" ] || fail+="not in order. "
verdict "sixty URLs from a file, twenty at once, come in order"

run 0 --json "$at/data.json" "$at/status/404"
is index 0
is url "\"$at/data.json\""
is final_url "\"$at/data.json\""
is status 200
is bytes 35
is sha256 "\"$(sha256sum <"$AWAIT_TEST_WWW/data.json" | cut -d' ' -f1)\""
is error null
is attempts 1
grep -q '\["Content-Type","application/json"\]' "$tmp/out" ||
	fail+="no header. "
line=2
is index 1
is status 404
line=1
verdict "--json writes an object per URL"

run 1 --json http://127.0.0.1:1/ "$at/a.html" http://host.invalid/
is error.name '"AW_ECONNECT"'
is status null
is final_url null
is sha256 null
line=2
is status 200
line=3
is error.name '"AW_ERESOLVE"'
line=1
verdict "--json names failures and goes on"

run 22 --fail "$at/a.html" "$at/status/500"
says 'status 500'
lacks 500
verdict "--fail: a status of 400 or more is exit 22, without its body"

run 1 --fail "$at/status/500" http://127.0.0.1:1/
says AW_ECONNECT
verdict "exit 1 outranks 22"

run 0 "$at/status/500"
has 500
verdict "without --fail a status is no failure"

run 0 "$at/redirect/1"
lacks '^done'
run 0 -L "$at/redirect/10"
has '^done'
run 1 -L "$at/redirect/11"
says AW_EREDIRECT
run 0 -L --max-redirs 20 "$at/redirect/20"
has '^done'
run 0 -L --max-redirs -1 "$at/redirect/30"
run 1 -L --max-redirs 0 "$at/redirect/1"
says AW_EREDIRECT
run 1 -L "$at/loop"
says AW_EREDIRECT
verdict "-L follows redirects, as many as --max-redirs says"

run 0 -X REPORT -H 'X-One: 1' -H 'X-Void;' -H 'User-Agent:' "$at/echo"
has '^REPORT /echo '
has '^X-One: 1'
has '^X-Void:'
lacks User-Agent
verdict "-X and -H"

run 0 -d a=1 -d b=2 "$at/echo-body"
[ "$(cat "$tmp/out")" = 'a=1&b=2' ] || fail+="not the body. "
run 0 -d a=1 "$at/echo"
has '^POST '
has 'Content-Type: application/x-www-form-urlencoded'
printf 'x\0y' >"$tmp/data"
run 0 -d "@$tmp/data" -X PUT -H 'content-type: x/y' "$at/echo-body"
cmp -s "$tmp/data" "$tmp/out" || fail+="not the file. "
verdict "-d posts data and files"

run 0 -F name=value -F "file=@$tmp/data" "$at/echo-body"
has 'Content-Disposition: form-data; name="name"'
has 'Content-Disposition: form-data; name="file"; filename="data"'
grep -q -a -P 'x\x00y' "$tmp/out" || fail+="no file. "
run 0 -F a=b "$at/echo"
has 'Content-Type: multipart/form-data; boundary='
verdict "-F posts a multipart form"

run 0 -u user:pass --fail "$at/auth/a.html"
run 22 -u user:wrong --fail "$at/auth/a.html"
verdict "-u authenticates"

run 0 "$at/gzip"
bytes 8893
run 0 --compressed --json "$at/gzip"
is bytes 8893
grep -q '"Content-Encoding"' "$tmp/out" || fail+="not compressed. "
run 1 --compressed "$at/bad-gzip"
says AW_EDECODE
verdict "--compressed asks for compression and decodes"

run 1 -m 2 "$at/never"
says 'AW_ETIMEDOUT: the time limit of 2 s .* while waiting for the headers'
says 'see -m$'
run 1 --max-body 1000 "$at/big/1m"
says AW_ELIMIT
bytes 0
verdict "-m and --max-body are kept"

run 1 "$AWAIT_TEST_HTTPS/"
says AW_ETLS
run 0 -k "$AWAIT_TEST_HTTPS/"
run 0 --cacert "$AWAIT_TEST_CA" "$AWAIT_TEST_HTTPS/"
run 1 --cacert "$AWAIT_TEST_CA" "$AWAIT_TEST_HTTPS_ELSEWHERE/"
says AW_ETLS
verdict "certificates are verified, by --cacert, or with -k not at all"

port=${at##*:}
run 0 --resolve "any.example:$port:127.0.0.1" "http://any.example:$port/echo"
has "Host: any.example:$port"
run 1 --public-only "$at/a.html"
says AW_EPOLICY
run 1 --public-only --resolve "any.example:$port:127.0.0.1" \
	"http://any.example:$port/"
says AW_EPOLICY
verdict "--resolve and --public-only"

run 0 --retry 2 --json "$at/status/503"
is attempts 3
is status 503
run 0 --retry 2 --json -X POST "$at/status/503"
is attempts 1
verdict "--retry tries what is safe again"

run 0 -o "$tmp/file" "$at/big/1m"
cmp -s "$tmp/file" "$AWAIT_TEST_WWW/big/1m" || fail+="not the file. "
run 1 -o "$tmp/file" "$at/a.html" "$at/a.html"
says 'one URL only'
verdict "-o writes one body to a file"

printf 'the old one' >"$tmp/file"
run 1 -o "$tmp/file" -m 2 "$at/never"
run 1 -o "$tmp/file" --max-body 1000 "$at/big/1m"
run 22 -o "$tmp/file" --fail "$at/status/404"
run 1 -o "$tmp/file" http://127.0.0.1:1/
[ "$(cat "$tmp/file")" = 'the old one' ] || fail+="the old file is lost. "
run 1 -o "$tmp/new" -m 2 "$at/never"
[ ! -e "$tmp/new" ] || fail+="there is a new file. "
verdict "a transfer that fails leaves the old file of -o, or none"

ln -s behind "$tmp/dangling"
run 0 -o "$tmp/dangling" "$at/a.html"
[ -L "$tmp/dangling" ] && [ -s "$tmp/behind" ] || fail+="the link is lost. "
verdict "-o follows a link that leads nowhere yet"

(ulimit -f 100; trap '' XFSZ; run 1 -o "$tmp/file" "$at/big/1m"
	[ -z "$fail" ]) || fail+="a full disk is no failure. "
says 'cannot write .*/file: File too large'
[ "$(cat "$tmp/file")" = 'the old one' ] || fail+="the old file is lost. "
ln -s file "$tmp/link"
run 0 -o "$tmp/link" "$at/a.html"
[ -L "$tmp/link" ] || fail+="the link is gone. "
cmp -s "$tmp/file" "$AWAIT_TEST_WWW/a.html" || fail+="not the file. "
run 0 -o /dev/null "$at/a.html"
[ -c /dev/null ] || fail+="/dev/null is gone. "
mkfifo "$tmp/fifo"
cat "$tmp/fifo" >"$tmp/piped" &
run 0 -o "$tmp/fifo" "$at/a.html"
wait $!
cmp -s "$tmp/piped" "$AWAIT_TEST_WWW/a.html" || fail+="not piped. "
[ -p "$tmp/fifo" ] || fail+="the FIFO is gone. "
run 1 -o "$tmp/none/file" "$at/a.html"
says 'cannot write .*none/file: No such file'
verdict "-o replaces a file whole, follows a link and spares what is no file"

# Each takes a second; together they take longer than -m.
seq 1 4 | sed "s|.*|$at/delay/1?n=&|" >"$tmp/urls"
run 0 -P 20 --per-host 1 -m 2.5 -i "$tmp/urls"
verdict "-m counts from when a URL has its turn"

for url in http://u:geheim@127.0.0.1/ http://u:geh/eim@127.0.0.1/ \
	ftp://u:geheim@h/ u:geheim@h 'u:geheim@127.0.0.1/?x=http://y'; do
	run 1 "$url"
	grep -q geh "$tmp/err" && fail+="$url: the password is told. "
	says AW_EINVAL
done
run 1 "http://127.0.0.1:1/@a"
says 'http://127.0.0.1:1/@a: AW_ECONNECT'
verdict "a password in a URL is not told"

"$awfetch" --help >/dev/full 2>"$tmp/err" && fail+="--help succeeds. "
says 'No space left'
verdict "a help that cannot be written is a failure"

printf '%s\n\n  %s  \n' "$at/a.html" "${at#http://}/redirect/0" |
	"$awfetch" -i - >"$tmp/out" 2>"$tmp/err" || fail+="exit status $?. "
has '^done'
verdict "-i - reads standard input; a URL without scheme is http"

for args in '-b jar' '-c jar' '-P 0' '-P x' '--max-body -1' '-m soon' \
	'-H nonsense' '--resolve a:b' '--nonsense' '-u user' '-F x' ''; do
	# shellcheck disable=SC2086  # several words
	run 1 $args ${args:+"$at/"}
	says 'awfetch'
done
run 1 -b jar "$at/"
says 'not supported'
verdict "what is not understood is refused"

"$awfetch" "$at/big/1m" 2>"$tmp/err" | head -c 1 >/dev/null
[ "${PIPESTATUS[0]}" = 1 ] || fail+="exit status ${PIPESTATUS[0]}. "
verdict "a reader that goes away is a failure"

echo "1..$n"
