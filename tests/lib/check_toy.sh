#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_toy.sh - a driver can be written outside of the tree
#
# Copies tests/toy/ to a folder of its own, compiles it there as a stranger
# would (public headers only, warnings are errors), links it with the built
# shared library and runs it. What it prints is the report.
top=${AWAIT_SRCDIR:?make check sets it}
build=${AWAIT_BUILDDIR:?}
folder=$(mktemp -d "$build/toy.XXXXXX") || exit 99
trap 'rm -rf "$folder"' EXIT

bail()
{
	echo "Bail out! $1"
	exit 99
}

# The sanitizers' flags: their runtime must come with the program.
flags=$(sed -n 's/^SAN_CFLAGS = //p' "$build/Makefile")

cp "$top"/tests/toy/*.[ch] "$folder"
for unit in toy play; do
	${CC:-cc} $flags -std=gnu11 -Wall -Wextra -Werror -g \
		-I"$top/include" -c -o "$folder/$unit.o" "$folder/$unit.c" ||
		bail "tests/toy/$unit.c does not compile"
done
"${AWAIT_LIBTOOL:-$build/libtool}" --silent --tag=CC --mode=link \
	${CC:-cc} $flags -o "$folder/play" "$folder/toy.o" "$folder/play.o" \
	"$build/libawait.la" -lpthread || bail "the toy does not link"
"${AWAIT_LIBTOOL:-$build/libtool}" --mode=execute $AWAIT_TEST_WRAPPER \
	"$folder/play"
