/* SPDX-License-Identifier: MIT */
/*
 * aw_resolve(): a host becomes a list of addresses.
 *
 * A numeric host is answered at once, by inet_pton() and not by getaddrinfo(),
 * which may read files. The forms that only inet_aton() knows (127.1,
 * 0x7f000001) are names here: they go to the helper thread like any other,
 * and come back as an address that a policy can look at.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "resolve.h"

/* --- The host ---------------------------------------------------------- */

static int
bad_host(const char *why)
{
	return aw_fail(-EINVAL, "aw_resolve: the host name %s", why);
}

/* Copies the host without brackets, in lower case. Blanks are refused:
 * inet_aton() stops at one, and would read "127.0.0.1 x" as an address. */
static int
copy_host(char to[AW__HOST_MAX + 1], const char *host)
{
	size_t n = host ? strlen(host) : 0, i;

	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
		if (!memchr(host, ':', n))
			return bad_host("in brackets is no IPv6 address");
	}
	if (n == 0)
		return bad_host("is empty");
	if (n > AW__HOST_MAX)
		return bad_host("is longer than 253 characters");
	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)host[i];

		if (c <= ' ' || c == 127)
			return bad_host("contains a blank or a control "
					"character");
		to[i] = (char)(c < 128 ? tolower(c) : c);
	}
	to[n] = '\0';
	return 0;
}

/* --- Numeric hosts ----------------------------------------------------- */

static unsigned
scope_id(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text && !*end && n <= UINT32_MAX)
		return (unsigned)n;
	return if_nametoindex(text);
}

static bool
numeric_6(struct sockaddr_in6 *in6, const char *host)
{
	char copy[AW__HOST_MAX + 1];
	char *percent;

	aw__copy_text(copy, sizeof copy, host);
	percent = strchr(copy, '%');
	if (percent) {
		*percent = '\0';
		in6->sin6_scope_id = scope_id(percent + 1);
		if (in6->sin6_scope_id == 0)
			return false;
	}
	in6->sin6_family = AF_INET6;
	return inet_pton(AF_INET6, copy, &in6->sin6_addr) == 1;
}

bool
aw__address_numeric(struct aw_address *a, const char *host)
{
	void *sockaddr = &a->sockaddr;
	struct sockaddr_in *in = sockaddr;

	memset(a, 0, sizeof *a);
	in->sin_family = AF_INET;
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1) {
		memset(a, 0, sizeof *a);
		if (!numeric_6(sockaddr, host))
			return false;
	}
	aw__address_finish(a);
	return true;
}

/* --- The result -------------------------------------------------------- */

static void
set_port(struct aw_address *a, int port)
{
	/* In the same place in both families. */
	struct sockaddr_in *in = (void *)&a->sockaddr;

	_Static_assert(offsetof(struct sockaddr_in, sin_port) ==
		       offsetof(struct sockaddr_in6, sin6_port), "sin_port");
	in->sin_port = htons((uint16_t)port);
}

static int
give(struct aw_addresses **ret, const struct aw_address *at, size_t n,
     int port)
{
	struct aw_addresses *list;
	struct aw_address *copy;
	size_t i;

	list = aw__malloc(sizeof *list + n * sizeof *copy);
	if (!list)
		return aw_fail(-ENOMEM, "no memory for addresses");
	copy = (struct aw_address *)(void *)(list + 1);
	memcpy(copy, at, n * sizeof *copy);
	for (i = 0; i < n; i++)
		set_port(&copy[i], port);
	list->n = n;
	list->at = copy;
	*ret = list;
	return 0;
}

static int
fail_resolve(const char *host, const struct aw__answer *answer)
{
	const char *why = answer->eai == EAI_SYSTEM
		? aw_strerror(-answer->error) : gai_strerror(answer->eai);
	struct aw_error *e;

	aw_fail(AW_ERESOLVE, "host '%s' could not be resolved: %s", host, why);
	e = aw_error_edit();
	e->native = answer->eai;
	e->sent = AW_NOT_SENT;
	return AW_ERESOLVE;
}

int
aw_resolve(struct aw_addresses **ret, const char *host, int port)
{
	char name[AW__HOST_MAX + 1];
	struct aw__answer *answer;
	struct aw_address address;
	struct aw_task *self;
	int r;

	r = aw__enter(&self);
	if (r < 0)
		return r;
	if (port < 0 || port > 65535)
		return aw_fail(-EINVAL, "aw_resolve: port %d is not in "
			       "0..65535", port);
	r = copy_host(name, host);
	if (r < 0)
		return r;
	if (aw__address_numeric(&address, name))
		return give(ret, &address, 1, port);
	r = aw__names_get(self, name, &answer);
	if (r < 0)
		return r;
	r = answer->eai ? fail_resolve(name, answer)
			: give(ret, answer->at, answer->n, port);
	aw__answer_unref(answer);
	return r;
}

void
aw_addresses_free(struct aw_addresses *addresses)
{
	aw__free(addresses);
}

void
aw_addresses_freep(struct aw_addresses **addresses)
{
	aw_addresses_free(*addresses);
	*addresses = NULL;
}
