#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_gdb.sh - gdb lists the tasks and their frames, live and in a core
#
# shellcheck disable=SC1091,SC2034,SC2154  # shared with look.sh
here=${AWAIT_SRCDIR:-$(dirname "$0")/../..}/tests/support
. "$here/look.sh"
script=$here/../../scripts/await-gdb.py

if ! command -v gdb >/dev/null 2>&1 || ! command -v gcore >/dev/null 2>&1
then
	echo "1..0 # SKIP gdb is not here (Debian: apt-get install gdb)"
	exit 0
fi

look() # arguments of gdb
{
	seen=$(gdb -nx -batch -x "$script" -ex aw-tasks -ex "aw-bt digger" \
		-ex "aw-bt 1" -ex "aw-bt nobody" "$@" 2>&1)
	has "$how: every task is listed" "#1  *main  *waiting for a descriptor"
	has "$how: with what it waits for" "waiter  *waiting for a task"
	has "$how: and where it began" "foreman .* from .*sleepers.c:[0-9]"
	has "$how: who has ended too" "failed  *finished with -5"
	has "$how: a name that nobody has" "there is no task nobody"
	case $seen in
	*"switches by ucontext"*)
		has "$how: a portable switch has no frames to show" ucontext
		return ;;
	esac
	has "$how: the frames of a parked task" "#[0-9]* .* in dig_deeper "
	has "$how: down to its function" "#[0-9]* .* in digger "
	has "$how: and not further" "#[0-9]* .* in aw__switch_root "
	has "$how: a task by its number" "#[0-9]* .* in app "
	all=$seen
	seen=$(printf '%s\n' "$all" | grep -A 1 "^#6 .*digger" | tail -n 1)
	has "$how: it begins where the task left" \
		"^#0  .*\\(aw__context_switch\\|leave\\|aw__suspend\\) "
	seen=$all
	deep=$(printf '%s\n' "$seen" | grep -c " in dig_deeper ")
	seen="dig_deeper $deep times"
	has "$how: every frame once" "dig_deeper 4 times"
}

start_sleepers
how="live"
look -p "$pid"
stop_sleepers

# gcore of gdb 13 leaves out what follows a guard of the light kind in the
# same mapping; the kernel's own cores are whole.
AWAIT_STACK_GUARD=mprotect
export AWAIT_STACK_GUARD
start_sleepers
exe=$(readlink "/proc/$pid/exe")
gcore -o "$folder/core" "$pid" >/dev/null 2>&1
how="core"
look "$exe" "$folder/core.$pid"
echo "1..$n"
