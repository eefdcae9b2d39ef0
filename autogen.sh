#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes configure from configure.ac; needed only in a checkout from git.
set -e
cd "$(dirname "$0")"
exec autoreconf -fi
