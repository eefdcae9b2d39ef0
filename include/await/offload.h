/* SPDX-License-Identifier: MIT */
/*
 * offload.h - blocking or long work in a helper thread, while the loop goes
 * on.
 *
 * The threads belong to the process, with a limit for each class of work.
 * aw_offload() has the general one: as many threads as processors, 4 to 16.
 * Work that may take all of them for long, or of which only so much may run
 * at once whoever asks, gets workers of its own:
 *
 *	static struct aw_workers *images;	shared by all loops
 *
 *	AW_TRY(aw_workers_new(&images, 2));
 *	AW_TRY(aw_offload(shrink, &image, .workers = images));
 *
 * The work runs on an ordinary thread stack and may call nothing of this
 * library but aw_post(), aw_spawn_on(), aw_thread_event_set() and aw_fail().
 */
#ifndef AWAIT_OFFLOAD_H
#define AWAIT_OFFLOAD_H

#include <await/base.h>

AW_BEGIN_DECLS

/* A class of work with threads of its own. */
struct aw_workers;

/* What a class is at; an old answer when it is read. */
struct aw_workers_stats {
	size_t size;
	int64_t limit;		/* threads at once */
	int64_t threads;	/* that exist, idle ones among them */
	int64_t idle;
	int64_t queued;		/* calls that wait for a thread */
	void *spare[4];
};

/* Options of aw_offload() and aw_offload_copy(). */
struct aw_offload_options {
	size_t size;
	struct aw_named *named;
	struct aw_workers *workers;	/* whose threads (the general ones) */
	bool abandon;		/* aw_offload_copy(): a cancel is answered at
				 * once; the thread ends the work on its own
				 * copy */
	void (*discard)(void *copy);	/* with .abandon: called once with a
				 * copy that did not come back, when its work
				 * has ended or will not begin; in any thread */
	void *spare[2];
};

#ifndef __cplusplus
#define aw_offload(fn, arg, ...) \
	aw_offload_with((fn), (arg), &(struct aw_offload_options){ \
		.size = sizeof(struct aw_offload_options), __VA_ARGS__ })
#define aw_offload_copy(fn, value, ...) \
	aw_offload_copy_with((fn), (value), sizeof *(value), \
		&(struct aw_offload_options){ \
			.size = sizeof(struct aw_offload_options), \
			__VA_ARGS__ })
#endif

/**
 * aw_offload_with - call a function in a helper thread
 * @fn: the work; a negative value is a failure, with the detail it set by
 * aw_fail()
 * @arg: handed to @fn
 * @options: may be NULL
 *
 * Awaits; cancel point until the work starts.  Work that has started is not
 * abandoned: the call returns when @fn has returned, and the cancel stays
 * pending.
 *
 * Return: the value of @fn; -ECANCELED; -ETIME; -ETIMEDOUT (a budget), each
 * only if @fn was not called; -EAGAIN (no thread); -EINVAL (.abandon);
 * -EDEADLK; AW_EUSAGE; -ENOMEM.
 * Lifetime: @arg is used until it returns.
 * Context: task.
 * Source: pthreads(7).
 * Since: 0.1
 */
AW_API AW_AWAITS int aw_offload_with(int (*fn)(void *arg), void *arg,
				     const struct aw_offload_options *options);

/**
 * aw_offload_copy_with - call a function in a helper thread, on a copy
 * @fn: the work
 * @value: @size bytes, copied in and, unless abandoned, copied back
 * @size: at most 64 KiB
 * @options: may be NULL
 *
 * Awaits; cancel point; with .abandon also while the work is at it.
 *
 * Who frees what the copy owns, with .abandon: after -ECANCELED, -ETIME or
 * -ETIMEDOUT of a scope .discard does, whether @fn was called or not; after
 * any other failure that is not the value of @fn nothing was handed over, and
 * it is the caller's, as it is after a value of @fn.  A @fn that itself fails
 * with one of the three cannot be told apart: let it take another code.
 *
 * Return: as aw_offload_with(); -EINVAL (@size).
 * Lifetime: @value is not touched after it returned.
 * Context: task.
 * Source: pthreads(7).
 * Since: 0.1
 */
AW_API AW_AWAITS int
aw_offload_copy_with(int (*fn)(void *copy), void *value, size_t size,
		     const struct aw_offload_options *options);

/**
 * aw_workers_new - a class of work with threads of its own
 * @ret: new; release it with aw_workers_free()
 * @threads: at most so many at once, 1 to 1024; they are started when there
 * is work and end after ten idle seconds
 *
 * Return: 0; -EINVAL; -ENOMEM.
 * Context: any thread.
 * Source: pthreads(7).
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_workers_new(struct aw_workers **ret,
					int64_t threads);

/**
 * aw_workers_free - let a class of work go
 * @workers: may be NULL.  Calls that are queued or running end as usual.
 *
 * Return: nothing.
 * Lifetime: its threads end by themselves; no new call may name it.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_workers_free(struct aw_workers *workers);

/**
 * aw_workers_freep - aw_workers_free() for AW_AUTO
 * @workers: address of the class; it is set to NULL
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_workers_freep(struct aw_workers **workers);

/**
 * aw_workers_resize - change how many threads a class of work may have
 * @workers: NULL: the general one
 * @threads: 1 to 1024; what is outside is brought inside.  Fewer than are at
 * work: nobody is interrupted, and they end after what they do.
 *
 * Return: nothing.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void aw_workers_resize(struct aw_workers *workers, int64_t threads);

/**
 * aw_workers_stats - what a class of work is at
 * @workers: NULL: the general one
 *
 * Return: the numbers.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API struct aw_workers_stats
aw_workers_stats(const struct aw_workers *workers);

AW_END_DECLS

#endif
