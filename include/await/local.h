/* SPDX-License-Identifier: MIT */
/*
 * local.h - task-locals: a value under a key, for this task alone or for the
 * tasks that it starts too.
 *
 *	static struct aw_local request_id = { .inherit = true, .dtor = free };
 *
 *	AW_TRY(aw_local_set(&request_id, strdup("4711")));
 *	...				in this task and in its children:
 *	printf("[%s] done\n", (const char *)aw_local_get(&request_id));
 *
 * A task that is started takes the inherited values that its starter has at
 * that moment; a value that either of them sets later is its own.  Tasks that
 * use no locals pay nothing for them, and a start costs the same however many
 * there are.
 */
#ifndef AWAIT_LOCAL_H
#define AWAIT_LOCAL_H

#include <await/base.h>

AW_BEGIN_DECLS

/* A key: static, zero but for what is said here. */
struct aw_local {
	bool inherit;		/* tasks started by this one have it too */
	void (*dtor)(void *value);	/* when the last task that has the
					 * value ends or sets another; may be
					 * NULL; must not suspend: a
					 * wait fails with AW_EUSAGE */
	unsigned place;		/* the library's */
	void *spare[2];
};

/**
 * aw_local_set - give a key a value in this task
 * @key: static, the same at each call
 * @value: owned by the key from a success on; the former one is let go; NULL
 * for none
 *
 * Return: 0; -ENOMEM; AW_ELIMIT (256 keys a process); AW_EUSAGE (outside a
 * task).
 * Lifetime: after a failure @value is still the caller's and the former one
 * is still set.
 * Context: task.
 * Source: our own.
 * Since: 0.1
 */
AW_API AW_MUST_CHECK int aw_local_set(struct aw_local *key, void *value);

/**
 * aw_local_get - the value of a key in this task
 * @key: a key
 *
 * Takes the same time however many keys there are.
 *
 * Return: the value; NULL when none was set or inherited, and outside a task.
 * Lifetime: borrowed until this task sets another or ends.
 * Context: any thread.
 * Source: our own.
 * Since: 0.1
 */
AW_API void *aw_local_get(const struct aw_local *key);

AW_END_DECLS

#endif
