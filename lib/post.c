/* SPDX-License-Identifier: MIT */
/*
 * Calls from other threads: a list under a mutex, and one ev_async that wakes
 * the loop. The only lock of a loop, and nobody holds it for longer than a
 * few stores.
 */
#include "runtime.h"

int
aw_post(struct aw_loop *loop, void (*fn)(void *arg), void *arg)
{
	struct aw__post *post = aw__malloc(sizeof *post);
	bool closed;

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

static struct aw__post *
take_all(struct aw_loop *loop, bool close)
{
	struct aw__post *all;

	pthread_mutex_lock(&loop->post_lock);
	all = loop->posts;
	loop->posts = NULL;
	loop->posts_tail = &loop->posts;
	if (close)
		loop->post_closed = true;
	pthread_mutex_unlock(&loop->post_lock);
	return all;
}

static void
run_list(struct aw__post *post)
{
	while (post) {
		struct aw__post *next = post->next;

		post->fn(post->arg);
		aw__free(post);
		post = next;
	}
}

void
aw__posts_run(struct aw_loop *loop)
{
	run_list(take_all(loop, false));
}

/* No more posts; those that came are still run. */
void
aw__posts_close(struct aw_loop *loop)
{
	run_list(take_all(loop, true));
}
