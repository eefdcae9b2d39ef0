/* SPDX-License-Identifier: MIT */
/*
 * Calls from other threads: two lists under a mutex, and one ev_async that
 * wakes the loop. The only lock of a loop, and nobody holds it for longer
 * than a few stores.
 *
 *	posts	 aw_post(): copies on the heap, in the order of posting
 *	remotes	 of this library: nodes in the sender's own memory, so that
 *		 sending cannot fail
 */
#include "runtime.h"

/* Its lock may be held for ever, and its ev_async is the parent's. */
static bool
is_inherited(const struct aw_loop *loop)
{
	return loop->mark != aw_fork_mark();
}

int
aw_post(struct aw_loop *loop, void (*fn)(void *arg), void *arg)
{
	struct aw__post *post;
	bool closed;

	if (!loop || !fn)
		return aw_fail(-EINVAL, "aw_post: a loop and a function are "
			       "needed");
	if (is_inherited(loop))
		return aw_fail(AW_EFORK, "aw_post: the loop belongs to the "
			       "parent process");
	post = aw__malloc(sizeof *post);
	if (!post)
		return aw_fail(-ENOMEM, "aw_post: no memory");
	post->next = NULL;
	post->fn = fn;
	post->arg = arg;
	pthread_mutex_lock(&loop->post_lock);
	closed = loop->post_closed;
	if (!closed) {
		*loop->posts_tail = post;
		loop->posts_tail = &post->next;
		ev_async_send(loop->ev, &loop->async);
	}
	pthread_mutex_unlock(&loop->post_lock);
	if (closed) {
		aw__free(post);
		return aw_fail(AW_ECLOSED, "aw_post: the loop is ending");
	}
	return 0;
}

bool
aw__remote_send(struct aw_loop *loop, struct aw__remote *remote)
{
	bool closed;

	if (is_inherited(loop))
		return false;
	remote->next = NULL;
	pthread_mutex_lock(&loop->post_lock);
	closed = loop->post_closed;
	if (!closed) {
		*loop->remotes_tail = remote;
		loop->remotes_tail = &remote->next;
		ev_async_send(loop->ev, &loop->async);
	}
	pthread_mutex_unlock(&loop->post_lock);
	return !closed;
}

/* What has come; close: if nothing has, nothing more will. */
static struct aw__post *
take_all(struct aw_loop *loop, struct aw__remote **ret_remotes, bool close)
{
	struct aw__post *all;

	pthread_mutex_lock(&loop->post_lock);
	all = loop->posts;
	loop->posts = NULL;
	loop->posts_tail = &loop->posts;
	*ret_remotes = loop->remotes;
	loop->remotes = NULL;
	loop->remotes_tail = &loop->remotes;
	loop->post_closed = close && !all && !*ret_remotes;
	pthread_mutex_unlock(&loop->post_lock);
	return all;
}

/* A child of fork() that comes back from one of them runs no other. */
static bool
run(struct aw_loop *loop, bool close)
{
	struct aw__remote *remote;
	struct aw__post *post = take_all(loop, &remote, close);
	bool any = post || remote;

	while (remote && !loop->forked) {
		struct aw__remote *next = remote->next;

		remote->fn(remote);
		remote = next;
	}
	while (post && !loop->forked) {
		struct aw__post *next = post->next;

		post->fn(post->arg);
		aw__free(post);
		post = next;
	}
	return any;
}

void
aw__posts_run(struct aw_loop *loop)
{
	run(loop, false);
}

bool
aw__posts_close(struct aw_loop *loop)
{
	return !run(loop, true);
}
