/* SPDX-License-Identifier: MIT */
/*
 * Names and meanings of codes, and the calls that read and set the last
 * failure. How a failure is kept is in failure.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime.h"

void
aw__copy_text(char *to, size_t size, const char *from)
{
	size_t n = from ? strnlen(from, size - 1) : 0, cut = n;

	/* A character of UTF-8 is cut before it and not within. */
	if (n == size - 1)
		while (cut > 0 && n - cut < 4 && (from[cut] & 0xC0) == 0x80)
			cut--;
	if (cut < n && (from[cut] & 0xC0) != 0x80)
		n = cut;
	if (n > 0)
		memcpy(to, from, n);
	to[n] = '\0';
}

int
aw__option_check(const char *call, const char *option, double value)
{
	if (value >= 0 || value == AW_NONE)
		return 0;
	return aw_fail(-EINVAL, "%s: .%s = %g: 0 or more are possible, AW_NONE "
		       "and AW_FOREVER", call, option, value);
}

const char *
aw_error_name(int r)
{
	if (r >= 0)
		return "AW_OK";
	switch (r) {
#define NAME(name) case -name: return "AW_" #name;
	AW_ERRNO_MAP(NAME)
#undef NAME
#define NAME(name, number, text) case -number: return "AW_" #name;
	AW_ERR_MAP(NAME)
#undef NAME
	}
	return "AW_E?";
}

/* The meanings that errno's own words would get wrong here. */
static const char *
own_text(int r)
{
	switch (r) {
	case AW_ECANCELED:
		return "the work was cancelled";
	case AW_ETIME:
		return "the deadline passed";
	case AW_ETIMEDOUT:
		return "a time limit of the library or the network passed";
#define TEXT(name, number, text) case -number: return text;
	AW_ERR_MAP(TEXT)
#undef TEXT
	}
	return NULL;
}

const char *
aw_strerror(int r)
{
	const char *text;

	if (r >= 0)
		return "success";
	text = own_text(r);
	if (!text && r > -4096)
		text = strerrordesc_np(-r);
	return text ? text : "an unknown error";
}

bool
aw_is_timeout(int r)
{
	return r == AW_ETIME || r == AW_ETIMEDOUT || r == AW_EPOOL;
}

bool
aw_is_cancel(int r)
{
	return r == AW_ECANCELED || r == AW_ETIME;
}

static bool
passing_sql(enum aw_sql_class c)
{
	return c == AW_SQL_SERIALIZATION || c == AW_SQL_DEADLOCK ||
	       c == AW_SQL_LOCK_TIMEOUT || c == AW_SQL_SHUTDOWN;
}

bool
aw_is_retryable(int r)
{
	const struct aw_error *e = aw_error();

	if (r >= 0 || aw_is_cancel(r) || r == AW_EUNKNOWN)
		return false;
	if (e->code == r && e->sent == AW_SENT_UNKNOWN)
		return false;
	switch (r) {
	case AW_ECONNECT:
	case AW_EPOOL:
	case AW_ELOST:
	case AW_ETIMEDOUT:
	case AW_ECONNREFUSED:
	case AW_ECONNRESET:
	case AW_EAGAIN:
		return true;
	case AW_ERESOLVE:
		return e->code == r && e->native == -3; /* EAI_AGAIN */
	case AW_ESQL:
		return e->code == r && passing_sql(e->sql_class);
	case AW_EHTTP:
		return e->code == r && (e->status == 429 || e->status >= 500);
	}
	return false;
}

/* --- The last failure -------------------------------------------------- */

const struct aw_error *
aw_error(void)
{
	return aw__failure_detail(aw__failure_here());
}

struct aw_error *
aw_error_edit(void)
{
	return aw__failure_detail(aw__failure_here());
}

static void
blank(struct aw_error *e, int code)
{
	memset(e, 0, sizeof *e);
	e->code = code < 0 ? code : AW_EINVAL;
	e->row = e->item = e->column = -1;
}

struct aw_error *
aw_error_set(int code)
{
	struct aw_error *e = aw_error_edit();

	blank(e, code);
	return e;
}

int
aw_error_put(const struct aw_error *error)
{
	struct aw_error copy, *e;

	if (!error)
		return 0;
	/* It may be the very detail that is replaced. */
	copy = *error;
	e = aw_error_set(copy.code);
	*e = copy;
	return copy.code;
}

int
aw_error_dup(struct aw_error **ret)
{
	struct aw_error *copy = aw__malloc(sizeof *copy);

	if (!copy)
		return -ENOMEM;
	*copy = *aw_error();
	*ret = copy;
	return 0;
}

void
aw_error_free(struct aw_error *error)
{
	aw__free(error);
}

void
aw_error_freep(struct aw_error **error)
{
	aw__free(*error);
	*error = NULL;
}

int
aw_fail(int code, const char *fmt, ...)
{
	char text[sizeof ((struct aw_error *)NULL)->message];
	struct aw_error *e;
	va_list args;

	/* The arguments may point into the detail that is replaced. */
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	e = aw_error_set(code);
	memcpy(e->message, text, sizeof text);
	return e->code;
}

int
aw__no_loop(const char *call)
{
	return aw_fail(AW_EUSAGE, "%s: this thread has no loop: call it inside "
		       "aw_run() or after aw_attach()", call);
}

int
aw__no_task(const char *call)
{
	return aw_fail(AW_EUSAGE, "%s would wait, and this is not a task: use "
		       "aw_spawn() or aw_run()", call);
}

/* --- Text -------------------------------------------------------------- */

struct text {
	char *at;
	size_t left;
};

static void AW_PRINTF(2, 3)
add(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->at, t->left, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= t->left)
		n = t->left > 0 ? (int)t->left - 1 : 0;
	t->at += n;
	t->left -= (size_t)n;
}

static void
add_origin(struct text *t, const struct aw_error *e)
{
	if (e->reason[0])
		add(t, "; because: %s", e->reason);
	if (e->canceller[0])
		add(t, ", by '%s'", e->canceller);
	if (e->cancelled_at[0])
		add(t, " at %s", e->cancelled_at);
	if (e->scope[0])
		add(t, "; scope %s", e->scope);
	if (e->site[0])
		add(t, " at %s", e->site);
}

const char *
aw_error_text(void)
{
	static _Thread_local char text[1600];
	const struct aw_error *e = aw_error();
	struct text t = { text, sizeof text };

	text[0] = '\0';
	if (e->code == 0)
		return text;
	add(&t, "%s: %s", aw_error_name(e->code),
	    e->message[0] ? e->message : aw_strerror(e->code));
	if (e->sqlstate[0])
		add(&t, " [%s]", e->sqlstate);
	if (e->detail[0])
		add(&t, "; %s", e->detail);
	if (e->hint[0])
		add(&t, "; hint: %s", e->hint);
	if (e->op[0])
		add(&t, "; in: %s", e->op);
	if (e->wait[0])
		add(&t, "; waited for %s", e->wait);
	add_origin(&t, e);
	return text;
}

int
aw_perror(const char *what, int r)
{
	const char *text = aw_error()->code == r && r < 0 ? aw_error_text()
							   : aw_strerror(r);

	if (what)
		fprintf(stderr, "%s: %s\n", what, text);
	else
		fprintf(stderr, "%s\n", text);
	return r;
}
