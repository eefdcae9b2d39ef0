# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# look.sh - for scripts that look into a running program; sourced
#
#	start_sleepers		the program runs, its number is $pid
#	stop_sleepers		it has ended
#	has NAME PATTERN	a case: what was seen ($seen) matches
#
# The program is ended by the end of its input, however the script ends.
builddir=${AWAIT_BUILDDIR:-.}
n=0
folder=
seen=
pid=

stop_sleepers()
{
	exec 3>&-
	test -z "$pid" || wait "$pid" 2>/dev/null
	pid=
	test -z "$folder" || rm -rf "$folder"
}
trap stop_sleepers EXIT

# Through libtool's script the process would be another one at first.
start_sleepers() # [program]
{
	folder=$(mktemp -d) || exit 99
	mkfifo "$folder/in" "$folder/out" || exit 99
	"$builddir/libtool" --mode=execute env \
		"$builddir/tests/support/${1-sleepers}" \
		< "$folder/in" > "$folder/out" &
	pid=$!
	exec 3> "$folder/in"
	read -r said < "$folder/out" || exit 99
	test "$said" = ready || exit 99
}

has() # name pattern
{
	n=$((n + 1))
	if printf '%s\n' "$seen" | grep -q -e "$2"; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$seen" | sed 's/^/# /'
	fi
}
