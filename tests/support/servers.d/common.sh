# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What all three servers share: folders, process ids, ports, the env file.

# shellcheck disable=SC2154  # here: set by the script that reads this file

MARK=.await-servers
START_SECONDS=60        # a loaded two-core machine needs ten at most
STOP_SECONDS=30

die() {
	printf 'servers: %s\n' "$*" >&2
	exit 1
}

# --- folders ---------------------------------------------------------------

# Refuse to write into a folder that holds something else.
prepare_dir() {
	local name

	mkdir -p -- "$DIR" 2>/dev/null || die "cannot make $DIR: choose another folder"
	DIR=$(cd -- "$DIR" && pwd -P)
	if [ ! -e "$DIR/$MARK" ] && [ -n "$(ls -A -- "$DIR")" ]; then
		die "$DIR is not empty and not ours: choose another folder"
	fi
	for name in pg mysql nginx; do
		! alive "$name" || die "already running in $DIR: 'servers stop $DIR' first"
	done
	check_space "$DIR" 400
	: >"$DIR/$MARK"
	[ ! -L "$DIR/home" ] || remove_data
	rm -f -- "$DIR"/{env,which,abandoned,*.log,*.pid,*.ports}
	# From the first thing that has to be removed again.
	trap '' INT TERM HUP
	HOME_DIR=$(mktemp -d /tmp/aw.XXXXXX) ||
		die "cannot make a folder in /tmp: is the disk full?"
	ln -sfn -- "$HOME_DIR" "$DIR/home"
	trap abandon EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# The servers' own folders below are closed; this one is a way through.
	chmod 711 "$HOME_DIR"
	printf '%s\n' "$@" >"$DIR/which"
	(umask 077 && openssl rand -hex 12 >"$DIR/secret") ||
		die "openssl fails or is missing: run scripts/setup servers"
	choose_data "$@"
}

# As root the servers run as users of their own, who must be able to enter.
choose_data() {
	local name user

	DATA=$DIR
	if [ "$(id -u)" = 0 ]; then
		for name in "$@"; do
			user=$("${name}_user")
			as_user "$user" test -x "$DIR" || DATA=$HOME_DIR
		done
	fi
	# The path stands in configuration files and in URLs.
	[[ $DATA != *[!A-Za-z0-9/._-]* ]] || DATA=$HOME_DIR
	printf '%s\n' "$DATA" >"$DIR/data"
	mkdir -p -- "$DATA/www" "$DATA/tls" "$DATA/nginx"
}

open_dir() {
	[ -e "$DIR/$MARK" ] || die "no servers in $DIR"
	DIR=$(cd -- "$DIR" && pwd -P)
	[ -e "$DIR/which" ] || : >"$DIR/which"
	HOME_DIR=$(readlink -- "$DIR/home" 2>/dev/null) || HOME_DIR=
	DATA=$(cat -- "$DIR/data" 2>/dev/null) || DATA=$DIR
}

remove_data() {
	local home

	home=$(readlink -- "$DIR/home" 2>/dev/null) || home=
	case $home in
	/tmp/aw.??????) rm -rf -- "$home" ;;
	esac
	rm -rf -- "${DIR:?}"/{home,data,pg,mysql,www,tls,which,env,secret,abandoned}
	rm -rf -- "${DIR:?}"/nginx/{body,proxy,fastcgi,uwsgi,scgi}
}

free_mib() {
	df -Pk -- "$1" | awk 'NR == 2 { print int($4 / 1024) }'
}

check_space() {
	local free

	free=$(free_mib "$1")
	[ "$free" -ge "$2" ] ||
		die "only $free MiB free on the disk of $1, $2 are needed: free some or choose another folder"
}

# --- users and processes ----------------------------------------------------

# In a session of its own: a Ctrl-C on the terminal is for us to handle.
as_user() {
	local user=$1 as=()

	shift
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid="$user" --regid="$user" --init-groups --)
	fi
	(cd / && setsid -w "${as[@]}" "$@" </dev/null)
}

# own PATH USER: the folder belongs to the server's user and to nobody else.
own() {
	mkdir -p -- "$1"
	chmod 700 "$1"
	[ "$(id -u)" != 0 ] || chown "$2:" "$1"
}

# user_or_self USER: the system user of a server, if we are root.
user_or_self() {
	if [ "$(id -u)" != 0 ]; then
		id -un
	elif id -u "$1" >/dev/null 2>&1; then
		printf '%s\n' "$1"
	else
		printf 'nobody\n'
	fi
}

# launch NAME COMMAND...: in a session of its own, so that a Ctrl-C on the
# terminal reaches the script that stops us in order, and not the server.
launch() {
	local name=$1 limit

	shift
	limit=$(ulimit -Hn)
	[ "$limit" != unlimited ] && [ "$limit" -le 65536 ] || limit=65536
	(
		ulimit -Sn "$limit" 2>/dev/null || true
		close_inherited
		cd /
		exec setsid "$@" </dev/null >>"$DIR/$name.log" 2>&1
	) &
	remember "$name" "$!"
}

# A server must not hold the pipes of make or of a caller that waits for EOF.
close_inherited() {
	local fd

	for fd in {3..20}; do
		eval "exec $fd>&-"
	done
}

remember() {
	printf '%s %s\n' "$2" "$(start_time "$2")" >"$DIR/$1.pid"
}

# Field 22 of /proc/PID/stat, counted after the last ')' of the name.
start_time() {
	local stat

	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- $stat
	[ "$1" = Z ] || printf '%s\n' "${20}"
}

pid_of() {
	local pid

	read -r pid _ <"$DIR/$1.pid" && printf '%s\n' "$pid"
}

alive() {
	local pid when

	[ -s "$DIR/$1.pid" ] || return 1
	read -r pid when <"$DIR/$1.pid"
	[ -n "$when" ] && [ "$(start_time "$pid")" = "$when" ]
}

signal() {
	! alive "$1" || kill "-$2" "$(pid_of "$1")" 2>/dev/null || true
}

# Children first collected, parent first killed: a postmaster that is dead
# starts no new ones.  PostgreSQL's are leaders of their own process groups.
kill_tree() {
	local pid children

	pid=$(pid_of "$1")
	children=$(children_of "$pid")
	kill -KILL "$pid" 2>/dev/null || true
	for pid in $children; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	for pid in $children; do
		wait_for "$STOP_SECONDS" not_running "$pid" || true
	done
}

children_of() {
	awk -v parent="$1" '$1 == "PPid:" && $2 == parent {
		split(FILENAME, part, "/"); print part[3]
	}' /proc/[0-9]*/status 2>/dev/null || true
}

not_running() {
	[ -z "$(start_time "$1")" ]
}

not_alive() {
	! alive "$1"
}

wait_gone() {
	wait_for "$STOP_SECONDS" not_alive "$1" ||
		die "$1 (process $(pid_of "$1")) does not end: see $DIR/$1.log"
}

# Ready or dead, whichever comes first.
wait_ready() {
	wait_for "$START_SECONDS" ready_or_dead "$1" && alive "$1" &&
		"${1}_ready"
}

ready_or_dead() {
	! alive "$1" || "${1}_ready"
}

# wait_for SECONDS COMMAND...: servers announce nothing that a shell could
# wait on, so it asks again.
wait_for() {
	local left=$(($1 * 20))

	shift
	until "$@"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.05
	done
}

# The data goes when its owner goes, even by SIGKILL.
watch_owner() {
	[ -n "${AWAIT_SERVERS_OWNER-}" ] || return 0
	: >"$DIR/watch.log"
	# shellcheck disable=SC2016
	launch watch bash -c '
		trap "kill \$! 2>/dev/null" EXIT
		tail --pid="$1" -s 0.5 -f /dev/null & wait $!
		rm -f "$3/watch.pid"
		"$2" stop "$3"' \
		watch "$AWAIT_SERVERS_OWNER" "$here/servers" "$DIR"
}

# --- ports -------------------------------------------------------------------

# free_port: below net.ipv4.ip_local_port_range, and nobody answers there.
free_port() {
	local port

	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			printf '%s\n' "$port"
			return
		fi
	done
}

# save_ports NAME N: N different free ports into DIR/NAME.ports.
save_ports() {
	local ports=() port

	while [ "${#ports[@]}" -lt "$2" ]; do
		port=$(free_port)
		[[ " ${ports[*]} " == *" $port "* ]] || ports+=("$port")
	done
	printf '%s\n' "${ports[*]}" >"$DIR/$1.ports"
}

port_of() {
	cut -d ' ' -f "${2:-1}" <"$DIR/$1.ports"
}

listens() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# --- env -----------------------------------------------------------------------

# var NAME VALUE: one line that any shell reads back.
var() {
	printf "export %s='%s'\n" "$1" "${2//\'/\'\\\'\'}"
}

# The password of this set of servers: TCP on loopback is open to every user
# of the machine, the unix sockets lie in folders that only we can enter.
secret() {
	cat -- "$DIR/secret"
}

write_env() {
	local name

	(
		umask 077
		{
			var AWAIT_TEST_DIR "$DIR"
			var AWAIT_TEST_SERVERS "$here/servers"
			var AWAIT_TEST_CA "$DATA/tls/ca.pem"
			var AWAIT_TEST_OTHER_CA "$DATA/tls/other-ca.pem"
			for name in "$@"; do
				"${name}_env" await
			done
		} >"$DIR/env.new"
	)
	mv -- "$DIR/env.new" "$DIR/env"
}

# --- complaints ------------------------------------------------------------------

complain_start() {
	local log=$DIR/$1.log what said

	said=$(tail -n 40 -- "$log")
	# Not every program finds the room to say it.
	[ "$(free_mib "$DATA")" -ge 64 ] || said='No space left'
	case $said in
	*'No space left'*)
		what="the disk is full: free some space or choose another folder" ;;
	*'annot allocate memory'*|*'anonymous shared memory'*)
		what="too little memory: close something" ;;
	*[Pp]'ermission denied'*)
		what="it may not enter its folder: choose one that user $("$1"_user) can enter" ;;
	*'ddress already in use'*)
		what="its ports are taken: try again" ;;
	*)
		what="it said: $(tail -n 1 -- "$log" | cut -c 1-200)" ;;
	esac
	printf 'servers: %s did not start: %s (log: %s)\n' "$1" "$what" "$log" >&2
}
