#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_examples.sh - every numbered example prints what its head says, and
# the guide tells no other story
#
# TAP. The expected lines are those below "Prints" in the first comment of
# examples/NN_name.c. Numbers and addresses that differ from run to run are
# written there as in normal() below. An example whose libraries were left
# out of the build is skipped. guide.py compares the programs of doc/guide/.
top=${AWAIT_SRCDIR:?make check sets it}
build=${AWAIT_BUILDDIR:?}
n=0

# What the head of a source says that the program prints.
promised() {
	sed -n '/^ \* Prints/,/^ \*\//{/^ \*\t/s/^ \*\t//p;}' "$1"
}

# The arguments of an example, one a line.
arguments() {
	case $1 in
	04_postgresql|18_threads) echo "$AWAIT_TEST_PG" ;;
	05_mariadb) echo "$AWAIT_TEST_MYSQL" ;;
	06_http) echo "$AWAIT_TEST_HTTP/status/200" ;;
	07_fetch_and_store)
		printf '%s\n' "$AWAIT_TEST_PG" "$AWAIT_TEST_HTTP/echo" ;;
	esac
}

# Its output as the head writes it.
normal() {
	case $1 in
	06_http) sed -E 's|[a-z]+/[a-z-]+ [0-9]+ bytes http:[^ ]*|text/html 1234 bytes http://127.0.0.1/|' ;;
	*) cat ;;
	esac
}

check() {
	name=$1 wanted=$2
	shift 2
	n=$((n + 1))
	got=$("$@" 2>&1)
	status=$?
	got=$(printf '%s\n' "$got" | normal "$name")
	if [ "$status" = 0 ] && [ -n "$wanted" ] && [ "$got" = "$wanted" ]
	then
		echo "ok $n - $name"
		return
	fi
	echo "not ok $n - $name"
	printf 'wanted:\n%s\ngot (status %s):\n%s\n' "$wanted" "$status" \
		"$got" | sed 's/^/# /'
}

for source in "$top"/examples/[0-9][0-9]_*.c; do
	name=$(basename "$source" .c)
	program=$build/examples/$name
	if [ ! -x "$program" ]; then
		n=$((n + 1))
		echo "ok $n - $name # SKIP it was not built"
		continue
	fi
	set -- $(arguments "$name")
	check "$name" "$(promised "$source")" "$program" "$@"
done

# asyncio.TaskGroup and asyncio.timeout() came with Python 3.11.
if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
then
	python3 "$top/tests/examples/guide.py" "$top" > "$build/guide.out" 2>&1
	while read -r line; do
		case $line in
		ok*|"not ok"*)
			n=$((n + 1))
			echo "${line%% - *} $n - ${line#* - }" ;;
		*) echo "# $line" ;;
		esac
	done < "$build/guide.out"
	rm -f "$build/guide.out"
fi
echo "1..$n"
