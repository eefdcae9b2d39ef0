/* SPDX-License-Identifier: MIT */
/*
 * policy.c - which addresses are public.
 *
 * For services that fetch URLs of strangers: nothing on this machine or in
 * its networks may be reached.  The check is made on addresses, after the
 * lookup and again as a socket is opened, so neither an odd spelling nor a
 * name that changes its address gets around it.  What is not known to be
 * public is not: the special-purpose registries of IANA (RFC 6890), and the
 * IPv4 address inside an IPv6 one where a translation would take it out
 * (mapped, 6to4, NAT64; RFC 4291, 3056, 6052).
 */
#include <arpa/inet.h>
#include <string.h>

#include "internal.h"

struct net4 {
	uint32_t net;
	int bits;
};

/* RFC 6890, 6598, 5737, 2544, 5771, 7526. */
static const struct net4 special4[] = {
	{ 0x00000000, 8 },	/* 0.0.0.0/8, this network */
	{ 0x0a000000, 8 },	/* 10.0.0.0/8, private */
	{ 0x64400000, 10 },	/* 100.64.0.0/10, shared by carriers */
	{ 0x7f000000, 8 },	/* 127.0.0.0/8, loopback */
	{ 0xa9fe0000, 16 },	/* 169.254.0.0/16, link local */
	{ 0xac100000, 12 },	/* 172.16.0.0/12, private */
	{ 0xc0000000, 24 },	/* 192.0.0.0/24, protocols */
	{ 0xc0000200, 24 },	/* 192.0.2.0/24, documentation */
	{ 0xc0586300, 24 },	/* 192.88.99.0/24, 6to4 relays */
	{ 0xc0a80000, 16 },	/* 192.168.0.0/16, private */
	{ 0xc6120000, 15 },	/* 198.18.0.0/15, benchmarks */
	{ 0xc6336400, 24 },	/* 198.51.100.0/24, documentation */
	{ 0xcb007100, 24 },	/* 203.0.113.0/24, documentation */
	{ 0xe0000000, 3 },	/* 224.0.0.0/3, multicast and reserved */
};

static bool
is_public4(uint32_t address)
{
	for (size_t i = 0; i < AW_LENGTH(special4); i++) {
		int shift = 32 - special4[i].bits;

		if (address >> shift == special4[i].net >> shift)
			return false;
	}
	return true;
}

static uint32_t
get4(const unsigned char *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

static bool
is_public6(const unsigned char *b)
{
	static const unsigned char nat64[12] = { 0, 0x64, 0xff, 0x9b };
	static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0,
						  0, 0, 0xff, 0xff };

	if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0)
		return is_public4(get4(b + 12));
	if (b[0] == 0x20 && b[1] == 0x02)		/* 2002::/16 */
		return is_public4(get4(b + 2));
	if ((b[0] & 0xe0) != 0x20)			/* 2000::/3 */
		return false;
	if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 2)	/* 2001::/23 */
		return false;
	if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8)
		return false;				/* documentation */
	return b[0] != 0x3f || b[1] != 0xff;		/* 3fff::/20 */
}

bool
aw__is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		return is_public4(ntohl(in.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof(in6));
		return is_public6(in6.sin6_addr.s6_addr);
	}
	return false;
}

/* The same of its text; what is no address is not public. */
bool
aw__is_public_text(const char *address)
{
	unsigned char b[16];

	if (inet_pton(AF_INET, address, b) == 1)
		return is_public4(get4(b));
	return inet_pton(AF_INET6, address, b) == 1 && is_public6(b);
}
