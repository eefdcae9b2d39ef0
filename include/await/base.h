/* SPDX-License-Identifier: MIT */
/*
 * base.h - what every other header needs: attributes, byte views, scoped
 * cleanup, units and the convention of options.
 *
 * Options.  A call with options ends in designated initialisers:
 *
 *	aw_pg_open(&db, dsn, .max = 10, .acquire = 5.0);
 *
 * The macro gathers them into a structure and calls the plain function of
 * the same name with the suffix _with, which is the API for C++ and for
 * bindings.  Such a structure begins with its own size and a member of an
 * incomplete pointer type, so that a positional value draws a warning.  In
 * every option 0 is the default, AW_NONE is "none", AW_FOREVER is "no
 * limit"; booleans are named so that false is the default.
 *
 * Scoped release.  AW_AUTO(aw_rows, rows) declares `struct aw_rows *rows`,
 * NULL, and releases it however the block is left; aw_move(&rows) hands it
 * out.  A release never waits and never fails.
 */
#ifndef AWAIT_BASE_H
#define AWAIT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define AW_BEGIN_DECLS extern "C" {
#define AW_END_DECLS }
#else
#define AW_BEGIN_DECLS
#define AW_END_DECLS
#endif

#define AW_API __attribute__((visibility("default")))
#define AW_MUST_CHECK __attribute__((warn_unused_result))
#define AW_NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))
/* Of a failure: the compiler keeps the way there out of the way. */
#define AW_COLD __attribute__((cold))
#define AW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define AW_UNUSED __attribute__((unused))
#define AW_CLEANUP(fn) __attribute__((cleanup(fn)))

/* Marks every prototype that may suspend the calling task, also when its
 * result is ready; clang keeps it as an annotation for checkers. */
#ifdef __clang__
#define AW_AWAITS __attribute__((annotate("aw_awaits")))
#else
#define AW_AWAITS
#endif

#define AW_STR_(x) #x
#define AW_STR(x) AW_STR_(x)
#define AW_CAT_(a, b) a##b
#define AW_CAT(a, b) AW_CAT_(a, b)
#define AW_SITE __FILE__ ":" AW_STR(__LINE__)

/* gcc is silent at -O0 when goto or switch jumps into the life of a variable
 * with a cleanup; clang rejects it by itself. */
#if !defined(__cplusplus) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic warning "-Wjump-misses-init"
#endif

#define AW_NONE (-1)
#define AW_FOREVER 2147483647
#define AW_MS(n) ((n) / 1000.0)
#define AW_KIB(n) ((n) * 1024LL)
#define AW_MIB(n) ((n) * 1024LL * 1024LL)
#define AW_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Never defined: the member that makes a positional option warn. */
struct aw_named;

/* A view of size bytes that somebody else owns; data may be NULL (SQL NULL,
 * "no body") and need not end in NUL. */
struct aw_bytes {
	const void *data;
	size_t size;
};

/* For printf("%.*s"): the view's length and characters. */
#define AW_ARG(bytes) (int)(bytes).size, (const char *)(bytes).data

#ifndef __cplusplus

#define AW_AUTO(type, name) \
	struct type *name __attribute__((cleanup(type##_freep), unused)) = NULL

#define aw_move(p) \
	(__extension__({ \
		__typeof__(p) aw_move_p_ = (p); \
		__typeof__(*aw_move_p_) aw_move_v_ = *aw_move_p_; \
		*aw_move_p_ = NULL; \
		aw_move_v_; \
	}))

#define AW_TRY(call) \
	do { \
		int aw_try_r_ = (call); \
		if (aw_try_r_ < 0) \
			return aw_try_r_; \
	} while (0)

#endif

/* Says that a result is dropped on purpose. */
#define aw_ignore(call) \
	do { \
		if (call) { \
		} \
	} while (0)

AW_BEGIN_DECLS

/**
 * aw_bytes - a view of memory
 * @data: first byte; NULL gives the NULL view
 * @size: number of bytes
 *
 * Return: the view.
 * Lifetime: borrows @data.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
static inline struct aw_bytes
aw_bytes(const void *data, size_t size)
{
	struct aw_bytes b;

	b.data = data;
	b.size = data ? size : 0;
	return b;
}

/**
 * aw_text - a view of a string without its NUL
 * @text: NUL-terminated; NULL gives the NULL view
 *
 * Return: the view.
 * Lifetime: borrows @text.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
static inline struct aw_bytes
aw_text(const char *text)
{
	return aw_bytes(text, text ? strlen(text) : 0);
}

/**
 * aw_bytes_dup - copy a view, and a NUL after it
 * @bytes: what to copy; the NULL view gives an empty copy
 * @ret: new memory of @bytes.size + 1 bytes; release it with free()
 *
 * Return: 0; -ENOMEM.
 * Lifetime: the copy is independent of @bytes.
 * Context: any thread.
 * Source: malloc(3).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_bytes_dup(struct aw_bytes bytes, void **ret);

/**
 * aw_freep - free() for AW_CLEANUP: AW_CLEANUP(aw_freep) char *text = NULL;
 * @p: address of a pointer from malloc(); it is set to NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: free(3).
 * Since: 0.1
 */
AW_API void aw_freep(void *p);

/**
 * aw_version - the version of the library that runs
 *
 * Return: a string such as "0.1.0".
 * Lifetime: static.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API const char *aw_version(void);

AW_END_DECLS

#endif
