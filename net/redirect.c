/* SPDX-License-Identifier: MIT */
/*
 * redirect.c - the rules of RFC 9110 for methods: which may be repeated, and
 * what a redirect makes of one.
 *
 *	status	GET, HEAD	POST		others
 *	301	same		GET, no body	same, same body
 *	302	same		GET, no body	same, same body
 *	303	same		GET, no body	GET, no body
 *	307	same		same		same
 *	308	same		same		same
 *
 * 300, 304, 305 and 306 are answers, not redirects: the first is a choice
 * for a person, the others have no target that may be followed.
 */
#include <string.h>

#include "internal.h"

bool
aw__is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

/* May it be sent again without asking?  RFC 9110, section 9.2.2. */
bool
aw__is_idempotent(const char *method)
{
	static const char *const safe[] = { "GET", "HEAD", "PUT", "DELETE",
					    "OPTIONS", "TRACE" };

	for (size_t i = 0; i < AW_LENGTH(safe); i++) {
		if (strcmp(method, safe[i]) == 0)
			return true;
	}
	return false;
}

/* RFC 9110, section 5.6.2. */
bool
aw__is_token(const char *text)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	if (!*text)
		return false;
	for (; *text; text++) {
		char c = *text;

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= 'a' && c <= 'z') && !strchr(marks, c))
			return false;
	}
	return true;
}

/* What @method becomes; @drop_body is set when the body does not go along. */
int
aw__redirect_method(int status, const char **method, bool *drop_body)
{
	bool get = strcmp(*method, "GET") == 0 || strcmp(*method, "HEAD") == 0;
	bool post = strcmp(*method, "POST") == 0;

	if (!aw__is_redirect(status))
		return -EINVAL;

	if (!get && (status == 303 || (post && status < 303))) {
		*method = "GET";
		*drop_body = true;
	}
	return 0;
}
