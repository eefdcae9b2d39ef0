/* SPDX-License-Identifier: MIT */
/*
 * err.h - one space of error codes, and the detail of the last failure.
 *
 * Every call that can fail returns a negative code: exactly -errno for what
 * the system has a name for, one of ours in [-5999, -5000] for the rest.
 * Each code has one negative name.  Three of them mean one thing each:
 *
 *	AW_ECANCELED	a scope of the user was cancelled; see reason
 *	AW_ETIME	a deadline of the user passed; see scope
 *	AW_ETIMEDOUT	a limit of ours or of the network passed
 *
 * Each task keeps the detail of its last failure.  It is replaced when
 * another call of this task fails, as that call returns, and never by a
 * success; it moves from a child to its parent at join, group wait, next and
 * gather; the main task's outlives aw_run().
 */
#ifndef AWAIT_ERR_H
#define AWAIT_ERR_H

#include <errno.h>

#include <await/base.h>

AW_BEGIN_DECLS

/* The codes that the system has a name for. */
#define AW_ERRNO_MAP(X) \
	X(EACCES) X(EADDRINUSE) X(EADDRNOTAVAIL) X(EAFNOSUPPORT) X(EAGAIN) \
	X(EALREADY) X(EBADF) X(EBADMSG) X(EBUSY) X(ECANCELED) X(ECHILD) \
	X(ECONNABORTED) X(ECONNREFUSED) X(ECONNRESET) X(EDEADLK) \
	X(EDESTADDRREQ) X(EDOM) X(EDQUOT) X(EEXIST) X(EFAULT) X(EFBIG) \
	X(EHOSTDOWN) X(EHOSTUNREACH) X(EILSEQ) X(EINPROGRESS) X(EINTR) \
	X(EINVAL) X(EIO) X(EISCONN) X(EISDIR) X(ELOOP) X(EMFILE) X(EMLINK) \
	X(EMSGSIZE) X(ENAMETOOLONG) X(ENETDOWN) X(ENETRESET) \
	X(ENETUNREACH) X(ENFILE) X(ENOBUFS) X(ENODATA) X(ENODEV) X(ENOENT) \
	X(ENOEXEC) X(ENOLCK) X(ENOLINK) X(ENOMEM) X(ENOMSG) \
	X(ENOPROTOOPT) X(ENOSPC) X(ENOSYS) X(ENOTCONN) X(ENOTDIR) \
	X(ENOTEMPTY) X(ENOTSOCK) X(ENOTSUP) X(ENOTTY) X(ENXIO) \
	X(EOVERFLOW) X(EOWNERDEAD) X(EPERM) X(EPIPE) X(EPROTO) \
	X(EPROTONOSUPPORT) X(EPROTOTYPE) X(ERANGE) X(EREMOTEIO) X(EROFS) \
	X(ESHUTDOWN) X(ESPIPE) X(ESRCH) X(ESTALE) X(ETIME) X(ETIMEDOUT) \
	X(ETOOMANYREFS) X(ETXTBSY) X(EUSERS) X(EXDEV)

/* Our own codes: append only. */
#define AW_ERR_MAP(X) \
	X(EUSAGE, 5000, "the call was used wrongly") \
	X(ECLOSED, 5001, "the thing was closed") \
	X(EPOOL, 5002, "no member of the pool became free in time") \
	X(ELIMIT, 5003, "a configured limit was reached") \
	X(ECONNECT, 5004, "the connection could not be made") \
	X(ERESOLVE, 5005, "the host name could not be resolved") \
	X(ETLS, 5006, "TLS failed") \
	X(EAUTH, 5007, "the server refused the credentials") \
	X(ELOST, 5008, "the connection was lost") \
	X(ESQL, 5009, "the database reported an error") \
	X(EUNKNOWN, 5010, "the outcome of a write is unknown") \
	X(ETXDEAD, 5011, "the transaction had already failed") \
	X(ENOROW, 5012, "no row where one was expected") \
	X(EMANY, 5013, "more than one row where one was expected") \
	X(ETYPE, 5014, "the types do not fit") \
	X(ENULL, 5015, "a NULL met a target that cannot hold it") \
	X(ETRUNCATED, 5016, "the value is longer than its buffer") \
	X(EDECODE, 5017, "the data could not be decoded") \
	X(EREDIRECT, 5018, "the redirects could not be followed") \
	X(EPOLICY, 5019, "a policy forbids it") \
	X(EHTTP, 5020, "the server answered with an error status") \
	X(EBREAKER, 5021, "the circuit breaker is open") \
	X(EFORK, 5022, "the handle was inherited through fork()") \
	X(ELEAK, 5023, "something was left open")

enum aw_code {
#define AW_ERRNO_ENUM_(name) AW_##name = -name,
	AW_ERRNO_MAP(AW_ERRNO_ENUM_)
#undef AW_ERRNO_ENUM_
#define AW_ERR_ENUM_(name, number, text) AW_##name = -number,
	AW_ERR_MAP(AW_ERR_ENUM_)
#undef AW_ERR_ENUM_
	AW_OK = 0
};

/* Whether a failed request had reached the other side. */
enum aw_sent {
	AW_SENT_NA,		/* nothing is ever sent by such a call */
	AW_NOT_SENT,		/* safe to repeat */
	AW_SENT_NO_EFFECT,	/* it arrived and changed nothing */
	AW_SENT_UNKNOWN		/* it may or may not have taken effect */
};

/* What kind of error a database reported; the same for every database. */
enum aw_sql_class {
	AW_SQL_NONE,
	AW_SQL_UNIQUE,		/* 23505, 1062 */
	AW_SQL_FOREIGN_KEY,	/* 23503, 1451, 1452 */
	AW_SQL_NOT_NULL,	/* 23502, 1048 */
	AW_SQL_CHECK,		/* 23514, 4025 */
	AW_SQL_EXCLUSION,	/* 23P01 */
	AW_SQL_SYNTAX,		/* 42601, 1064 */
	AW_SQL_UNDEFINED,	/* 42P01, 42703, 1146, 1054 */
	AW_SQL_PRIVILEGE,	/* 42501, 1044, 1142 */
	AW_SQL_AUTH,		/* 28000, 28P01, 1045 */
	AW_SQL_SERIALIZATION,	/* 40001 */
	AW_SQL_DEADLOCK,	/* 40P01, 1213 */
	AW_SQL_LOCK_TIMEOUT,	/* 55P03, 1205 */
	AW_SQL_TIMEOUT,		/* the server's own statement timeout */
	AW_SQL_CANCELED,	/* 57014, 1317 */
	AW_SQL_READ_ONLY,	/* 25006, 1290, 1836 */
	AW_SQL_DATA,		/* class 22, 1264, 1366, 1406 */
	AW_SQL_RESOURCES,	/* class 53, 54, 1021, 1114, 1153 */
	AW_SQL_SHUTDOWN,	/* 57P01..57P03, 1053 */
	AW_SQL_STALE_PLAN,	/* a cached plan no longer fits */
	AW_SQL_TX,		/* class 25, 1792: the transaction's state */
	AW_SQL_OTHER
};

/* The detail of one failure.  Strings that do not apply are empty, numbers
 * that do not apply are 0, row, column and item are -1. */
struct aw_error {
	int code;			/* what the call returned */
	int status;			/* HTTP status, exit status */
	int native;			/* the server's or library's number */
	int column;			/* from 0 */
	int64_t row;			/* from 0 */
	int64_t item;			/* of a batch or gather, from 0 */
	enum aw_sent sent;
	enum aw_sql_class sql_class;
	char sqlstate[8];
	char message[320];		/* one line: thing and remedy */
	char op[64];			/* "SELECT name FROM..." */
	char wait[160];			/* what was being waited for */
	char reason[64];		/* why it was cancelled */
	char scope[64];			/* whose deadline or cancel it was */
	char site[96];			/* file:line where that stands */
	char canceller[64];		/* the task that cancelled; empty: a
					 * callback, or the library */
	char cancelled_at[96];		/* file:line of that call; of a child
					 * whose failure did it: of its start */
	char detail[256];		/* of the server */
	char hint[160];			/* of the server */
	char constraint[64];		/* name of the violated constraint */
	void *spare[4];
};

/**
 * aw_error - the detail of the last failed call of this task
 *
 * Outside a task: of the last failed call of this thread.
 *
 * Return: never NULL; code is 0 when nothing has failed yet.
 * Lifetime: borrowed until another call of this task fails or it ends.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API const struct aw_error *aw_error(void);

/**
 * aw_error_dup - keep the detail of the last failure
 * @ret: new copy; release it with aw_error_free()
 *
 * Return: 0; -ENOMEM.
 * Lifetime: independent of the task.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_error_dup(struct aw_error **ret);

/**
 * aw_error_free - release a copy from aw_error_dup()
 * @error: may be NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_error_free(struct aw_error *error);

/**
 * aw_error_freep - aw_error_free() for AW_AUTO
 * @error: address of the pointer; it is set to NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_error_freep(struct aw_error **error);

/**
 * aw_fail - fail with a message: return aw_fail(-EINVAL, "port %d", port);
 * @code: negative code; 0 or a positive one is taken as -EINVAL
 * @fmt: printf format of one line that names the thing and the remedy
 *
 * Return: @code.
 * Lifetime: the message is copied, at most 319 bytes.
 * Context: any thread.
 * Source: printf(3).
 * Since: 0.1
 */
AW_API int aw_fail(int code, const char *fmt, ...) AW_PRINTF(2, 3) AW_COLD;

/**
 * aw_perror - print a failure with its detail on standard error
 * @what: what was attempted; may be NULL
 * @r: the code that the call returned
 *
 * Return: @r, so that `return aw_perror("open", r);` works.
 * Lifetime: keeps nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API int aw_perror(const char *what, int r);

/**
 * aw_strerror - what a code means
 * @r: any code
 *
 * Return: a sentence without a full stop, never NULL.
 * Lifetime: static.
 * Context: any thread.
 * Source: strerrordesc_np(3) for the system's codes.
 * Since: 0.1
 */
AW_API const char *aw_strerror(int r);

/**
 * aw_error_name - the name of a code, such as "AW_ETIME"
 * @r: any code
 *
 * Return: "AW_OK" for 0 and above, "AW_E?" for a code without a name.
 * Lifetime: static.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API const char *aw_error_name(int r);

/**
 * aw_error_text - the last failure as one line for a log
 *
 * Name, message, what was waited for, reason, canceller, scope, SQLSTATE.
 *
 * Return: never NULL, empty when nothing has failed yet.
 * Lifetime: borrowed until the next call of aw_error_text() on this thread.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API const char *aw_error_text(void);

/**
 * aw_is_timeout - was it a time limit?
 * @r: any code
 *
 * Return: true for AW_ETIME, AW_ETIMEDOUT and AW_EPOOL.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API bool aw_is_timeout(int r);

/**
 * aw_is_cancel - was it a scope of the user that ended the wait?
 * @r: any code
 *
 * Return: true for AW_ECANCELED and AW_ETIME.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API bool aw_is_cancel(int r);

/**
 * aw_is_retryable - may the last failed call of this task be repeated?
 * @r: the code that it returned
 *
 * True for a passing condition of which the detail says that nothing took
 * effect: a request that was not sent, a refused or lost connection before
 * sending, a serialization failure, a deadlock, a full pool.  Never for a
 * cancel, a deadline of the user, or an unknown outcome.
 *
 * Return: the answer.
 * Context: any thread.
 * Source: PostgreSQL 15 manual, 13.5 Serialization Failure Handling.
 * Since: 0.1
 */
AW_API bool aw_is_retryable(int r);

AW_END_DECLS

#endif
