#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_traps.sh - what must not compile does not
#
# Each file in traps/ lists its cases: " * 3 error: ..." must not compile with
# -DTRAP=3, " * 3 warning: ..." must draw a warning from the flags that users
# have (-Wall -Wextra). With -DTRAP=0 the file must compile without one: so
# that a case cannot fail for a reason that is not its own.
top=${AWAIT_SRCDIR:-$(dirname "$0")/../..}
traps=$top/tests/lib/traps
n=0
failed=0

report() # passed? name
{
	n=$((n + 1))
	if test "$1" = yes; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}

# What the compiler says, "error", "warning" or nothing. Not by -Werror: the
# pragma of base.h makes its warning one that stays a warning.
opinion() # compiler file trap optimisation
{
	$1 -std=gnu11 -Wall -Wextra "$4" -I"$top/include" -DTRAP="$3" \
		-c -o "$object" "$2" 2>&1 >/dev/null |
	sed -n 's/.*: \(error\|warning\): .*/\1/p' | sort -u | head -n 1
}

# -O0 and -O2: gcc's opinion of jumps must not depend on it.
check_file() # compiler file
{
	base=$(basename "$2")
	verdict=yes
	test -z "$(opinion "$1" "$2" 0 -O0)" || verdict=no
	test -z "$(opinion "$1" "$2" 0 -O2)" || verdict=no
	report $verdict "$1 $base: without a trap it compiles"
	sed -n 's/^ \* \([0-9]*\) \(error\|warning\): \(.*\)/\1 \2 \3/p' "$2" \
		> "$list"
	while read -r trap kind what; do
		said=$(opinion "$1" "$2" "$trap" -O0)
		verdict=no
		case $kind/$said in
		error/error|warning/error|warning/warning) verdict=yes ;;
		esac
		report $verdict "$1 $base: $kind: $what"
	done < "$list"
}

folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
list=$folder/list
object=$folder/trap.o
for compiler in gcc clang; do
	command -v $compiler >/dev/null 2>&1 || continue
	for file in "$traps"/*.c; do
		check_file $compiler "$file"
	done
done
echo "1..$n"
test -n "$CK_TAP_LOG_FILE_NAME" || exit $failed
