# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# nginx: http, https, https with a certificate for another host, and a server
# that lets 20 requests a second through for each folder (all others queue), so
# that a crawl of a thousand pages lasts a minute and faults can be put into it.
# nginx.conf names the locations.  DATA/www is the document root.

# shellcheck disable=SC2154  # here: set by the script that reads this file

NGINX_MODULES=/usr/lib/nginx/modules

nginx_find() {
	NGINX_BIN=$(PATH=$PATH:/usr/sbin command -v nginx) ||
		die "nginx is missing: run scripts/setup servers"
}

nginx_user() {
	user_or_self www-data
}

nginx_init() {
	local www=$DATA/www

	mkdir -p -- "$DIR/nginx" "$www/big" "$www/slow" "$www/zstd"
	printf '<!DOCTYPE html><title>await</title><a href="a.html">a</a>\n' \
		>"$www/index.html"
	printf '<!DOCTYPE html><title>a</title><a href="/">home</a>\n' \
		>"$www/a.html"
	printf '{"name":"await","numbers":[1,2,3]}\n' >"$www/data.json"
	seq 1 2000 >"$www/numbers.txt"
	seq 1 4000 >"$www/slow/numbers.txt"
	truncate -s 1M "$www/big/1m"
	truncate -s 70M "$www/big/70m"
	nginx_zstd >"$www/zstd/hello"
	printf 'user:%s\n' "$(openssl passwd -apr1 pass)" >"$DATA/nginx/users"
}

# nginx has no zstd in Debian 12, and a frame with one raw block needs no
# compressor: magic, single segment with a one-byte size, last raw block
# (RFC 8878, sections 3.1.1 and 3.1.1.2).
nginx_zstd() {
	printf '\x28\xb5\x2f\xfd\x20\x0c\x61\x00\x00hello, zstd\n'
}

nginx_ports() {
	save_ports nginx 4
}

nginx_configure() {
	local user='' v6='#' brotli='#'

	[ "$(id -u)" != 0 ] || user="user $(nginx_user);"
	[ ! -e /proc/net/if_inet6 ] || ! grep -q ' lo$' /proc/net/if_inet6 ||
		v6=
	[ ! -e "$NGINX_MODULES/ngx_http_brotli_filter_module.so" ] || brotli=
	sed -e "s|@USER@|$user|" -e "s|@MODULES@|$(nginx_modules)|" \
		-e "s|@DATA@|$DATA|g" -e "s|@LOGS@|$DATA/nginx|g" \
		-e "s|@V6@|$v6|" -e "s|@BROTLI@|$brotli|" \
		-e "s|@HTTP@|$(port_of nginx 1)|g" \
		-e "s|@HTTPS@|$(port_of nginx 2)|g" \
		-e "s|@ELSEWHERE@|$(port_of nginx 3)|g" \
		-e "s|@THROTTLED@|$(port_of nginx 4)|g" \
		"$here/servers.d/nginx.conf" >"$DATA/nginx/nginx.conf"
	nginx_codes >"$DATA/nginx/codes.conf"
	nginx_chain >"$DATA/nginx/chain.conf"
}

nginx_modules() {
	local name

	for name in ngx_http_echo_module ngx_http_brotli_filter_module; do
		[ ! -e "$NGINX_MODULES/$name.so" ] ||
			printf 'load_module %s/%s.so; ' "$NGINX_MODULES" "$name"
	done
}

nginx_codes() {
	local code

	for code in 200 202 400 401 403 404 405 408 409 410 413 418 422 425 429 \
		500 501 502 503 504; do
		printf 'location = /status/%s { return %s "%s\\n"; }\n' \
			"$code" "$code" "$code"
	done
	for code in 201 204 304; do
		printf 'location = /status/%s { return %s; }\n' "$code" "$code"
	done
	for code in 301 302 303 307 308; do
		printf 'location = /status/%s { return %s /echo; }\n' \
			"$code" "$code"
	done
}

nginx_chain() {
	local n

	printf 'location = /redirect/0 { return 200 "done\\n"; }\n'
	for n in {1..30}; do
		printf 'location = /redirect/%s { return 302 /redirect/%s; }\n' \
			"$n" "$((n - 1))"
	done
}

nginx_launch() {
	launch nginx "$NGINX_BIN" -p "$DATA/nginx" -c "$DATA/nginx/nginx.conf" \
		-e stderr -g 'daemon off;'
}

nginx_ready() {
	listens "$(port_of nginx 1)" && listens "$(port_of nginx 4)"
}

nginx_finish() {
	:
}

# TERM drops the connections in flight: what a client has to live through.
nginx_stop() {
	signal nginx TERM
}

nginx_env() {
	local at=127.0.0.1

	var AWAIT_TEST_HTTP "http://$at:$(port_of nginx 1)"
	var AWAIT_TEST_HTTPS "https://$at:$(port_of nginx 2)"
	var AWAIT_TEST_HTTPS_ELSEWHERE "https://$at:$(port_of nginx 3)"
	var AWAIT_TEST_HTTP_SLOW "http://$at:$(port_of nginx 4)"
	var AWAIT_TEST_WWW "$DATA/www"
	var AWAIT_TEST_HTTP_LOG "$DATA/nginx/access.log"
	var AWAIT_TEST_HTTP_USER user:pass
}
