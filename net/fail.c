/* SPDX-License-Identifier: MIT */
/*
 * fail.c - what libcurl's result means in our codes, and the detail.
 *
 *	no name, no connection		AW_ERESOLVE, AW_ECONNECT, -EMFILE
 *	no time				-ETIMEDOUT, naming the limit
 *	no trust			AW_ETLS
 *	lost on the way			AW_ELOST; AW_EUNKNOWN if the request
 *					may have taken effect and must not be
 *					repeated
 *	not HTTP, not decodable		-EPROTO, AW_EDECODE
 *	a limit of ours			AW_ELIMIT, AW_EPOLICY
 *
 * The operation in the detail is method and URL without the query, where
 * secrets may be.
 */
#include <stdio.h>
#include <string.h>

#include "internal.h"

static void
set_op(struct aw_error *error, const struct aw_response *res,
       const char *method)
{
	const char *url = res->target.url ? res->target.url : "";

	snprintf(error->op, sizeof(error->op), "%s %.*s", method,
		 (int)strcspn(url, "?"), url);
}

static enum aw_sent
how_far(const struct aw_response *res)
{
	return res->sends ? AW_SENT_UNKNOWN : AW_NOT_SENT;
}

/* Adds to the detail of a wait that failed. */
void
aw__fail_note(const struct aw_response *res, const char *method)
{
	struct aw_error *error = aw_error_edit();

	set_op(error, res, method);
	error->sent = how_far(res);
}

/* A limit of ours was over; its place in the detail stays. */
void
aw__fail_late(const char *option, double seconds, const char *what)
{
	struct aw_error *error = aw_error_edit();

	snprintf(error->message, sizeof(error->message), "the time limit of "
		 "%g s (option %s) passed while %s", seconds, option, what);
}

static int
code_of_stop(const struct aw_response *res)
{
	switch (res->stop) {
	case AW__STOP_BODY:
	case AW__STOP_HEADERS:
		return AW_ELIMIT;
	case AW__STOP_LENGTH:
		return -EPROTO;
	case AW__STOP_MEMORY:
		return -ENOMEM;
	case AW__STOP_CONNECT:
		return -ETIMEDOUT;
	case AW__STOP_POLICY:
		return AW_EPOLICY;
	case AW__STOP_REPLAY:
		return AW_EUNKNOWN;
	case AW__STOP_NONE:
		break;
	}
	return 0;
}

static int
code_of_lost(const struct aw_response *res)
{
	return res->sends && !res->idempotent && !res->header_bytes
		? AW_EUNKNOWN : AW_ELOST;
}

static int
code_of(const struct aw_response *res)
{
	switch (res->code) {
	case CURLE_OUT_OF_MEMORY:
		/* So it also calls a header line above 100 KiB. */
		return res->sends && !res->headers_ended ? AW_ELIMIT : -ENOMEM;
	case CURLE_BAD_FUNCTION_ARGUMENT:
		/* So it also calls a line that goes on from nothing. */
		return res->sends ? -EPROTO : -EINVAL;
	case CURLE_URL_MALFORMAT:
		return -EINVAL;
	case CURLE_COULDNT_RESOLVE_HOST:
		return AW_ERESOLVE;
	case CURLE_COULDNT_CONNECT:
	case CURLE_INTERFACE_FAILED:
		return res->sys ? -res->sys : AW_ECONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_CLIENTCERT:
		return AW_ETLS;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_FAIL_REWIND:
		return code_of_lost(res);
	case CURLE_BAD_CONTENT_ENCODING:
		return AW_EDECODE;
	default:
		return -EPROTO;
	}
}

/* libcurl's own text does not say why. */
static void
say_why(struct aw_error *error, const struct aw_response *res)
{
	long reason = res->sys;

	if (!reason)
		curl_easy_getinfo(res->easy, CURLINFO_OS_ERRNO, &reason);
	snprintf(error->message, sizeof(error->message), "cannot connect to "
		 "%.200s port %d: %s", res->target.host, res->target.port,
		 reason ? strerrordesc_np((int)reason) : "no address answered");
}

static void
set_message(struct aw_error *error, const struct aw_response *res)
{
	const char *text = *res->text ? res->text
				      : curl_easy_strerror(res->code);

	switch (res->stop) {
	case AW__STOP_BODY:
		snprintf(error->message, sizeof(error->message), "the body is "
			 "larger than max_body (%lld bytes)",
			 (long long)res->max_body);
		break;
	case AW__STOP_HEADERS:
		snprintf(error->message, sizeof(error->message),
			 "the headers are larger than 100 KiB");
		break;
	case AW__STOP_LENGTH:
		snprintf(error->message, sizeof(error->message),
			 "the length of the body is not clear: Content-Length "
			 "is no number, came twice or stands beside "
			 "Transfer-Encoding");
		break;
	case AW__STOP_CONNECT:
		snprintf(error->message, sizeof(error->message),
			 "connecting to %.200s took longer than %g s (option "
			 "connect)", res->target.host, res->connect);
		break;
	case AW__STOP_POLICY:
		snprintf(error->message, sizeof(error->message),
			 "%.200s is not a public address", res->target.host);
		break;
	case AW__STOP_REPLAY:
		snprintf(error->message, sizeof(error->message),
			 "the kept connection was lost before an answer came: "
			 "the request may have taken effect");
		break;
	default:
		if (error->code == AW_ELIMIT)
			text = "a header line is larger than 100 KiB (or "
			       "there is no memory for it)";
		if (res->code == CURLE_COULDNT_CONNECT)
			say_why(error, res);
		else
			snprintf(error->message, sizeof(error->message),
				 "%.300s", text);
	}
}

/* The failure of a finished transfer. */
int
aw__fail(struct aw_response *res, const char *method)
{
	int r = code_of_stop(res);
	struct aw_error *error;

	if (!r)
		r = code_of(res);
	error = aw_error_set(r);
	error->native = (int)res->code;
	error->sent = how_far(res);
	set_op(error, res, method);
	set_message(error, res);
	return r;
}

/* AW_EHTTP for a response with an error status. */
int
aw__fail_status(const struct aw_response *res)
{
	struct aw_error *error = aw_error_set(AW_EHTTP);
	struct aw_bytes body = aw_response_body(res);
	size_t n = body.size < sizeof(error->detail) - 1
			? body.size : sizeof(error->detail) - 1;

	error->status = res->status;
	error->sent = AW_SENT_UNKNOWN;
	snprintf(error->op, sizeof(error->op), "%.*s",
		 (int)strcspn(res->target.url, "?"), res->target.url);
	snprintf(error->message, sizeof(error->message),
		 "the server answered with status %d", res->status);
	memcpy(error->detail, body.data, n);
	error->detail[n] = '\0';
	return AW_EHTTP;
}
