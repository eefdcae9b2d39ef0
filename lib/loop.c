/* SPDX-License-Identifier: MIT */
/*
 * A loop: the libev watchers that tie the ready queue to an ev_loop, its
 * making and its end.
 *
 *	prepare   arms the head timer; lets poll not block if work is ready
 *	poll
 *	io, timer, async, signal callbacks: append to the ready queue
 *	check     (lowest priority: after all of them) runs a batch
 *
 * Tasks run from ev_check and not from ev_idle, whose callbacks libev skips
 * while anything else is pending; the idle watcher only says "do not block".
 *
 * In an embedded loop every watcher of ours is unref'ed: what keeps ev_run()
 * going is one reference held while user tasks live.
 */
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <await/time.h>

#include "crew.h"
#include "fork.h"
#include "runtime.h"

#define MAX_GRACE 1e9			/* seconds; libev adds it to its time */

_Thread_local struct aw_loop *aw__loop
	__attribute__((tls_model("initial-exec")));

/* --- libev callbacks --------------------------------------------------- */

static void
on_idle(EV_P_ ev_idle *idle, int revents)
{
	(void)loop;
	(void)idle;
	(void)revents;
}

static void
on_head(EV_P_ ev_timer *head, int revents)
{
	struct aw_loop *l = head->data;

	(void)revents;
	ev_ref(loop);			/* a fired timer is inactive */
	if (l->forked)
		return;
	l->armed = AW__NEVER;
	aw__timers_fire(l);
}

static void
on_async(EV_P_ ev_async *async, int revents)
{
	(void)loop;
	(void)revents;
	aw__posts_run(async->data);
}

/* The test clock jumps when only timers of user tasks are left to wait for.
 * Return: did it? What was called back may have readied nobody: then there
 * is the next jump to make, and poll must not block. */
static bool
jump(struct aw_loop *l)
{
	if (!l->test_clock || l->ready_head || l->defers || l->n_outside ||
	    l->n_user_timers == 0 || (l->ending && l->n_served_outside))
		return false;
	if (l->timers.at[1].at > l->clock)
		l->clock = l->timers.at[1].at;
	aw__timers_fire(l);
	return true;
}

/* Instead of waiting: a slab of stacks that are too many goes back. */
static bool
trim(struct aw_loop *l)
{
	unsigned n = l->stacks.n_empty;

	return n > AW__STACK_RESERVE && aw__stacks_trim(&l->stacks, n - 1);
}

static void
on_prepare(EV_P_ ev_prepare *prepare, int revents)
{
	struct aw_loop *l = prepare->data;
	bool busy;

	(void)revents;
	if (l->forked)
		return;
	l->counts.polls++;
	if (l->touched)
		aw__fds_check(l);
	busy = jump(l) || l->ready_head || l->defers;
	if (__builtin_expect(l->debug && !busy, 0)) {
		aw__debug_deadlock(l);
		busy = l->ready_head;
	}
	busy = busy || trim(l);
	aw__timers_arm(l);
	if (busy == (bool)ev_is_active(&l->idle))
		return;
	if (busy) {
		ev_idle_start(loop, &l->idle);
		ev_unref(loop);
	} else {
		ev_ref(loop);
		ev_idle_stop(loop, &l->idle);
	}
}

static void
tell_nested(struct aw_task *self)
{
	aw_trace("ev_run() was called in task '%s': no other task runs "
		 "meanwhile", self->name);
	aw__debug_warn(self, AW__TOLD_NESTED, "called ev_run(): no other task "
		       "runs meanwhile");
}

static void
on_check(EV_P_ ev_check *check, int revents)
{
	struct aw_loop *l = check->data;

	(void)loop;
	(void)revents;
	/* A task may not switch to others from inside ev_run(). */
	if (__builtin_expect(!l->self, 1))
		aw__batch(l);
	else
		tell_nested(l->self);
}

/* --- Making ------------------------------------------------------------ */

static void
start_watchers(struct aw_loop *l)
{
	ev_prepare_init(&l->prepare, on_prepare);
	ev_set_priority(&l->prepare, EV_MINPRI);	/* nearest to poll */
	ev_check_init(&l->check, on_check);
	ev_set_priority(&l->check, EV_MINPRI);
	ev_idle_init(&l->idle, on_idle);
	ev_set_priority(&l->idle, EV_MINPRI);
	ev_timer_init(&l->head, on_head, 0, 0);
	ev_async_init(&l->async, on_async);
	l->prepare.data = l->check.data = l->head.data = l->async.data = l;
	ev_prepare_start(l->ev, &l->prepare);
	ev_check_start(l->ev, &l->check);
	ev_async_start(l->ev, &l->async);
	if (!l->own) {
		ev_unref(l->ev);
		ev_unref(l->ev);
		ev_unref(l->ev);
	}
}

static void
stop_watchers(struct aw_loop *l)
{
	if (!l->own) {
		ev_ref(l->ev);
		ev_ref(l->ev);
		ev_ref(l->ev);
	}
	ev_prepare_stop(l->ev, &l->prepare);
	ev_check_stop(l->ev, &l->check);
	ev_async_stop(l->ev, &l->async);
	if (ev_is_active(&l->idle)) {
		ev_ref(l->ev);
		ev_idle_stop(l->ev, &l->idle);
	}
	if (ev_is_active(&l->head)) {
		ev_ref(l->ev);
		ev_timer_stop(l->ev, &l->head);
	}
}

static void
copy_options(struct aw_loop *l, const struct aw_run_options *options)
{
	size_t size;

	if (!options)
		return;
	size = options->size < sizeof l->options ? options->size
						 : sizeof l->options;
	memcpy(&l->options, options, size);
	l->test_clock = l->options.test_clock;
	if (l->options.seed)
		l->rng = l->options.seed * UINT64_C(0x9E3779B97F4A7C15);
}

static void
init_lists(struct aw_loop *l)
{
	l->defers_tail = &l->defers;
	l->posts_tail = &l->posts;
	l->remotes_tail = &l->remotes;
	l->armed = AW__NEVER;
	aw__scope_root(&l->root, "the loop");
	aw__scope_root(&l->services, "the loop's services");
	pthread_mutex_init(&l->post_lock, NULL);
	aw__context_main(&l->context);
}

/* Whose stack overflowed; in a signal handler. */
static const struct aw__stack *
running_stack(const char **ret_name)
{
	const struct aw_task *self = aw__self();

	if (!self)
		return NULL;
	*ret_name = self->name;
	return &self->stack;
}

/* Without memory for the signal stack an overflow only dies without a word.
 * An application's own loop keeps its signal handlers to itself, unless it
 * asks. */
static void
watch_overflow(struct aw_loop *l)
{
	/* Each loop of each thread stores the same. */
	__atomic_store_n(&aw__stack_current, running_stack, __ATOMIC_RELAXED);
	if (l->own || l->options.name_overflow)
		aw_ignore(aw__stack_overflow_handler_install(&l->overflow));
}

/*
 * libev ends the process when it finds no descriptor for its eventfd, and
 * falls back to poll(2) without a word when it finds none for epoll: so they
 * are looked for before. One loop at a time, or several threads would find
 * the same two.
 */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

void
aw__loops_forked(void)
{
	pthread_mutex_init(&making, NULL);
}

static int
check_descriptors(int n)
{
	int fd = eventfd(0, EFD_CLOEXEC), r;

	if (fd < 0)
		return aw_fail(-errno, "no descriptor is free for a loop: "
			       "close some, or raise the limit (ulimit -n)");
	r = n > 1 ? check_descriptors(n - 1) : 0;
	close(fd);
	return r;
}

static int
check_options(const struct aw_run_options *o)
{
	int r = aw__option_check("a loop", "grace", o->grace);

	if (r == 0)
		r = aw__option_check("a loop", "max_tasks",
				     (double)o->max_tasks);
	return r < 0 ? r : aw__stack_check("a loop", o->stack);
}

/* Under "making". */
static uint64_t
next_serial(void)
{
	static uint64_t last;

	return ++last << AW__TASK_ID_BITS;
}

/* A loop whose descriptors are open. */
static int
make(struct aw_loop **ret, struct ev_loop *ev,
     const struct aw_run_options *options)
{
	struct aw_loop *l;
	int r;

	r = check_descriptors(ev ? 1 : 2);
	if (r < 0)
		return r;
	l = aw__calloc(1, sizeof *l);
	if (!l)
		return aw_fail(-ENOMEM, "no memory for a loop");
	copy_options(l, options);
	r = check_options(&l->options);
	if (r < 0) {
		aw__free(l);
		return r;
	}
	l->mark = aw_fork_mark();
	l->serial = next_serial();
	l->own = !ev;
	l->ev = ev ? ev : ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!l->ev) {
		aw__free(l);
		return aw_fail(-EMFILE, "libev could not make a loop");
	}
	init_lists(l);
	start_watchers(l);
	*ret = l;
	return 0;
}

/* With ev NULL the libev loop is made too. */
int
aw__loop_new(struct aw_loop **ret, struct ev_loop *ev,
	     const struct aw_run_options *options)
{
	struct aw_loop *l = NULL;
	int r;

	if (aw__loop)
		return aw_fail(-EBUSY, "this thread has a loop already");
	pthread_mutex_lock(&making);
	r = make(&l, ev, options);
	pthread_mutex_unlock(&making);
	if (r < 0)
		return r;
	aw__stacks_init(&l->stacks);
	aw__loop = l;
	l->thread = gettid();
	watch_overflow(l);
	aw__debug_start(l);
	aw__hooks_init(l);
	aw__registry_add(l);
	*ret = l;
	return 0;
}

/* Takes the watchers out of the loop of an application, which may go on with
 * it in a child of fork(). Our own is never entered again. */
void
aw__loop_unhook(struct aw_loop *l)
{
	if (l->own)
		return;
	stop_watchers(l);
	if (l->held)
		ev_unref(l->ev);
	l->held = false;
}

void
aw__loop_free(struct aw_loop *l)
{
	if (l->member)
		aw__crew_leave(l->member);
	aw__registry_remove(l);
	aw__debug_stop(l);
	if (l->overflow.installed)
		aw__stack_overflow_handler_remove(&l->overflow);
	aw__fds_fini(l);
	aw__slots_fini(l);
	aw__file_blocks_fini(l);
	aw__tasks_fini(l);
	aw__stacks_fini(&l->stacks);
	stop_watchers(l);
	if (l->own)
		ev_loop_destroy(l->ev);
	else if (l->held)
		ev_unref(l->ev);
	aw__heap_fini(&l->timers);
	pthread_mutex_destroy(&l->post_lock);
	aw__reason_unref(l->root.reason);
	aw__reason_unref(l->services.reason);
	aw__loop = NULL;
	aw__free(l);
}

/* Keeps an embedded loop going as long as user tasks live. */
void
aw__loop_hold(struct aw_loop *l)
{
	bool hold = l->n_tasks > 0;

	if (l->own || hold == l->held)
		return;
	l->held = hold;
	if (hold)
		ev_ref(l->ev);
	else
		ev_unref(l->ev);
}

/* --- The end ----------------------------------------------------------- */

static void
turn(struct aw_loop *l)
{
	ev_run(l->ev, EVRUN_ONCE);
}

static void
forget(void *arg)
{
	*(bool *)arg = true;
}

static void
on_grace(EV_P_ ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	forget(timer->data);
}

/* Runs until no service is left, or for as long as they may take. The test
 * clock stands still while one of them waits for the outside: then the grace
 * is over by the real one. */
static void
wait_services(struct aw_loop *l, double grace)
{
	struct aw_timer timer = { 0 };
	ev_timer real;
	bool over = false;

	if (aw_timer_start(&timer, aw_now() + grace, forget, &over) < 0)
		over = true;
	l->ending = true;
	ev_now_update(l->ev);
	ev_timer_init(&real, on_grace, grace < MAX_GRACE ? grace : MAX_GRACE,
		      0);
	real.data = &over;
	if (l->test_clock)
		ev_timer_start(l->ev, &real);
	while (l->n_services > 0 && !over && !l->forked)
		turn(l);
	ev_timer_stop(l->ev, &real);
	aw_timer_stop(&timer);
}

/* Until nothing is left to run and nobody can send more: what is posted
 * meanwhile is run, and the tasks that it starts are cancelled already. */
static void
drain(struct aw_loop *l)
{
	do {
		while ((l->n_tasks > 0 || l->n_services > 0 || l->ready_head ||
			l->defers) && !l->forked)
			turn(l);
	} while (!l->forked && !aw__posts_close(l));
}

/*
 * The stages of the end: user tasks are cancelled and joined; pools and
 * sessions are closed; what was handed over to them has grace seconds; then
 * services are cancelled.
 */
void
aw__loop_end(struct aw_loop *l, double grace)
{
	ev_ref(l->ev);			/* until here something must block */
	aw_scope_cancel(&l->root, "main returned");
	while (l->n_tasks > 0 && !l->forked)
		turn(l);
	if (!l->forked)
		aw__closers_run(l);
	wait_services(l, grace);
	aw_scope_cancel(&l->services, "the loop ends");
	drain(l);
	ev_unref(l->ev);
}

struct aw_loop *
aw_loop_here(void)
{
	if (aw__loop)
		aw__loop->shared = true;
	return aw__loop;
}

struct ev_loop *
aw_loop_ev(struct aw_loop *loop)
{
	loop->shared = true;
	return loop->ev;
}
