# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# lib.sh - what the scripts beside it share; plain sh, because setup runs
# where nothing is installed yet

# shellcheck disable=SC2154  # top: the source tree, set by whoever reads this

# A step of ours; the tools' own lines start otherwise.
say() {
	printf '== %s\n' "$*"
}

# The last word: one line, what happened and what to do.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need_space FOLDER MIB WHAT
need_space() {
	ns_free=$(df -Pk -- "$1" | awk 'NR == 2 { print int($4 / 1024) }')
	[ "$ns_free" -ge "$2" ] || die "$3 needs $2 MiB on the disk of $1," \
		"$ns_free are free: remove something or choose another folder"
}

# Folders below may not exist yet; the disk is that of the nearest parent.
nearest() {
	n_dir=$1
	while [ ! -d "$n_dir" ]; do
		n_dir=$(dirname -- "$n_dir")
	done
	printf '%s\n' "$n_dir"
}

# step LOG COMMAND...: quiet while it works, the end of its log if not.
step() {
	st_log=$1
	shift
	if ! "$@" >"$st_log" 2>&1 </dev/null; then
		tail -n 15 -- "$st_log" >&2
		if grep -q 'No space left on device' "$st_log"; then
			die "the disk is full: free some space and run it again"
		fi
		die "'$*' failed: the whole story is in $st_log"
	fi
}

# configure is there and no older than what it is made from
generated() {
	[ -x "$top/configure" ] && [ -e "$top/Makefile.in" ] &&
		[ -z "$(find "$top/configure.ac" "$top/Makefile.am" "$top/m4" \
			"$top"/*/Makemodule.am -newer "$top/Makefile.in")" ]
}

# build_tree FOLDER TARGET [CONFIGURE OPTION...]: brings it up to date. top is
# the source tree. A folder that was configured otherwise is configured again.
build_tree() {
	bt_dir=$1
	bt_target=$2
	shift 2
	mkdir -p -- "$bt_dir"
	case $top in
	*[!A-Za-z0-9/._+,@-]*)
		die "make cannot build in '$top': move it to a path without" \
			"spaces and special characters" ;;
	esac
	[ ! -e "$top/config.status" ] || die "the source tree itself is" \
		"configured: run 'make distclean' in $top first"
	generated || step "$bt_dir/autogen.log" "$top/autogen.sh"
	if [ ! -e "$bt_dir/Makefile" ] ||
		[ "$*" != "$(cat "$bt_dir/options" 2>/dev/null)" ]; then
		rm -f -- "$bt_dir/options"
		(cd "$bt_dir" &&
			step "$bt_dir/configure.log" "$top/configure" "$@")
		printf '%s\n' "$*" >"$bt_dir/options"
	fi
	step "$bt_dir/make.log" make -C "$bt_dir" -j "$(nproc)" "$bt_target"
}

# take FOLDER: make it, and have it for ourselves until we end (fd 9).
take() {
	mkdir -p -- "$1" 2>/dev/null ||
		die "cannot make $1: is the disk full, or not yours?"
	exec 9>"$1/lock"
	flock -n 9 || die "another run uses $1: wait for it or choose another" \
		"folder with --build"
}
