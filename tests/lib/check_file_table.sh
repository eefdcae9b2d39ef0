#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_file_table.sh - every call on files that may wait is interrupted
#
# Compares what file.h and path.h mark AW_AWAITS with the table of operations
# that check_file_cancel and check_file_moments go through.
top=${AWAIT_SRCDIR:?make check sets it}
n=0
failed=0

for call in $(cat "$top/include/await/file.h" "$top/include/await/path.h" |
	sed '/^ \*/d; s/\/\*.*\*\///' | tr '\n' ' ' | tr ';' '\n' |
	sed -n 's/.*AW_AWAITS.*[ *]\(aw_[a-z_]*\)(.*/\1/p'); do
	n=$((n + 1))
	if grep -q "{ \"$call\", does_" "$top/tests/lib/file_operations.h"; then
		echo "ok $n - $call is interrupted"
	else
		echo "not ok $n - $call is missing in file_operations.h"
		failed=1
	fi
done
echo "1..$n"
[ "$n" -gt 30 ] || echo "Bail out! the headers were not understood"
exit $failed
