#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_awps.sh - awps sees the tasks of a process that goes on running
#
# shellcheck disable=SC1091,SC2034,SC2154  # shared with look.sh
here=${AWAIT_SRCDIR:-$(dirname "$0")/../..}/tests/support
. "$here/look.sh"
awps=$builddir/awps

start_sleepers
seen=$("$awps" "$pid" 2>&1)
has "the loop and the number of its tasks" "^loop of thread $pid: 7 tasks$"
has "main waits for a descriptor" "1  waiting .* main  *for a descriptor"
has "a wait for a task names it" "waiter  *for a task 'foreman'"
has "a deadline counts down" "  3[56][0-9][0-9]  digger  *for a time"
has "the birthplace is told" "foreman .*from .*sleepers.c:[0-9]"
has "who has ended is told with its status" "finished .* failed  *with -5"
has "services are marked" "janitor  *for a time  service"

seen=$("$awps" "$pid" 2>&1 | sed -n 3p)
has "the oldest comes first" " 1  waiting .* main "

seen=$("$awps" -t "$pid" 2>&1)
has "main stands at the left" "^  main #1  waiting"
has "children stand under their owner" "^    digger #[0-9]* of crew  waiting"
has "all of them" "^    second digger #[0-9]* of crew  waiting"

test -d "/proc/$pid" && seen=runs
has "the process was not disturbed" runs
stop_sleepers

# The library inside the program, at addresses that were fixed by the linker.
start_sleepers sleepers_alone
seen=$("$awps" "$pid" 2>&1)
has "a program without the shared library" "1  waiting .* main  *for a desc"
stop_sleepers

# Its newest tasks are others before they have been read.
start_sleepers crowd
short=0
for look in 1 2 3 4 5 6 7 8 9 10; do
	seen=$("$awps" "$pid" 2>&1 | grep -c " stays  *for a time")
	test "$seen" = 100 || short=$((short + 1))
done
seen="$short of $look looks fell short"
has "all who were there are seen behind those who come and go" "^0 of 10 "
stop_sleepers

seen=$("$awps" $$ 2>&1; echo "status $?")
has "a process without libawait is told apart" "no libawait in it"
has "and is a failure" "status 1"
seen=$("$awps" 2>&1; echo "status $?")
has "a wrong call says how" "usage: awps"
has "and has its own status" "status 2"
echo "1..$n"
