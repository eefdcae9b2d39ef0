#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_setup - what setup and configure say where something is missing
#
# Both run with a PATH of our own, in which the tool that is asked for is left
# out or replaced by one that lies.
# shellcheck disable=SC2016  # the programs that are written expand it
src=$AWAIT_SRCDIR
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0

# tools FOLDER NAME...: what there is on PATH
tools() {
	mkdir "$tmp/$1"
	dir=$1
	shift
	for tool; do
		ln -s "$(command -v "$tool")" "$tmp/$dir/$tool"
	done
}

# fake FOLDER NAME BODY
fake() {
	rm -f "$tmp/$1/$2"
	printf '#!/bin/sh\n%s\n' "$3" >"$tmp/$1/$2"
	chmod +x "$tmp/$1/$2"
}

# says NAME PATTERN COMMAND...: it fails, and its last words are so
says() {
	name=$1 pattern=$2
	shift 2
	n=$((n + 1))
	if "$@" >"$tmp/out" 2>&1 </dev/null; then
		echo "not ok $n - $name"
		echo "# it did not fail"
	elif tail -n 5 "$tmp/out" | grep -q -e "$pattern"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		tail -n 5 "$tmp/out" | sed 's/^/# /'
	fi
}

setup() {
	PATH=$tmp/nobody /bin/sh "$src/scripts/setup" "$@"
}

tools nobody awk cat dirname grep head sed tr uname
fake nobody id 'echo 1000'
fake nobody dpkg-query 'case $* in *automake|*libtool) exit 1 ;; esac
echo installed'
says "without sudo it lists what is missing and what to type" \
	"no sudo: automake libtool; as root, run: .*/scripts/setup build$" \
	setup build
fake nobody sudo 'exit 1'
says "and so it does if sudo asks and nobody can answer" \
	"no terminal: automake libtool; in a terminal, run: .*/setup build$" \
	setup build

# A copy: the tree itself may be configured.
configure() {
	unset CC CXX
	mkdir -p "$tmp/src/lib" "$tmp/made"
	cp "$src/configure" "$tmp/src"
	cp -r "$src/build-aux" "$tmp/src"
	cp "$src/lib/await.map" "$tmp/src/lib"
	cd "$tmp/made" && PATH=$tmp/$1 /bin/sh ../src/configure --disable-man
}

if [ -x "$src/configure" ]; then
	tools poor awk basename cat chmod cp date dirname echo env expr false \
		grep hostname install ln ls mkdir mv pwd rm rmdir sed sh sleep \
		sort test touch tr true uname
	says "without a compiler configure names its package" \
		"no C compiler found (Debian: apt-get install build-essential" \
		configure poor
else
	n=$((n + 1))
	echo "ok $n - without a compiler configure # SKIP there is none here"
fi
echo "1..$n"
