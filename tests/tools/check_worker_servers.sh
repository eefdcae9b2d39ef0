#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_worker_servers - fetch_worker while its servers fail
if [ ! -e "$AWAIT_BUILDDIR/fetch_worker" ]; then
	echo "1..0 # SKIP fetch_worker is not built"
	exit 0
fi
exec python3 -B "$AWAIT_SRCDIR/tests/tools/check_worker_servers.py"
