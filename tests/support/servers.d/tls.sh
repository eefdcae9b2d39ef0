# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# A certificate authority for an afternoon: it signs the one certificate that
# all three servers show.  Two more for tests that must fail: an authority
# that signed nothing here, and a certificate for another host.

tls_make() {
	local tls=$DATA/tls

	tls_ca ca "await test authority"
	tls_ca other-ca "another authority"
	tls_cert server localhost "DNS:localhost,IP:127.0.0.1,IP:::1"
	tls_cert elsewhere elsewhere.invalid "DNS:elsewhere.invalid"
	chmod 644 "$tls"/*.pem
}

tls_ca() {
	local tls=$DATA/tls

	tls_run req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -sha256 -days 30 -subj "/CN=$2" \
		-addext "basicConstraints=critical,CA:TRUE" \
		-addext "keyUsage=critical,keyCertSign,cRLSign" \
		-keyout "$tls/$1.key" -out "$tls/$1.pem"
}

# tls_cert NAME CN SAN
tls_cert() {
	local tls=$DATA/tls

	tls_run req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -sha256 -subj "/CN=$2" -addext "subjectAltName=$3" \
		-keyout "$tls/$1.key" -out "$tls/$1.csr"
	tls_run x509 -req -in "$tls/$1.csr" -sha256 -days 30 \
		-CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial \
		-copy_extensions copy -out "$tls/$1.pem"
}

tls_run() {
	openssl "$@" >>"$DIR/tls.log" 2>&1 ||
		die "openssl failed: see $DIR/tls.log"
}

# tls_key_for USER FOLDER: the private key where USER alone can read it.
tls_key_for() {
	install -m 600 -- "$DATA/tls/server.key" "$2/server.key"
	[ "$(id -u)" != 0 ] || chown "$1:" "$2/server.key"
}
