/* SPDX-License-Identifier: MIT */
/*
 * What a loop knows of names: answers it remembers, and queries in flight.
 *
 *	struct names (one per loop)
 *	  bucket[hash] -> name -> name
 *	                    |
 *	                    +- answer: known until it expires; in the list of
 *	                    |  known names, the last used one first
 *	                    +- job: in flight; waiters share it
 *
 * Good answers are kept for 30 s, bad ones for 5: getaddrinfo() does not tell
 * the time to live, and half a minute is what most load balancers by name
 * expect at least. 1024 known names; the one not used for longest goes first.
 * A query for which we had no descriptor or no memory is not remembered.
 *
 * A waiter that is cancelled leaves the others alone. When the last one has
 * gone, a query that has not begun is taken back, and one that hangs in a
 * dead name server no longer counts against the two threads of its class;
 * its answer is remembered when it comes.
 */
#include <netdb.h>

#include "resolve.h"

#define BUCKETS 256
#define KNOWN_MAX 1024
#define GOOD_SECONDS 30.0
#define BAD_SECONDS 5.0

struct name {
	struct name *next;			/* in its bucket */
	struct name *newer, *older;		/* known names */
	struct names *names;
	struct aw__answer *answer;
	struct aw_job *job;
	struct aw__wait_node *head, *tail;	/* waiters, while in flight */
	double expires;
	unsigned bucket;
	char host[];
};

struct names {
	struct name *bucket[BUCKETS];
	struct name *newest, *oldest;
	size_t n_known;
	unsigned mark;
};

static int slot = -1;
static pthread_once_t slot_once = PTHREAD_ONCE_INIT;

/* --- The table --------------------------------------------------------- */

static unsigned
hash(const char *host)
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	while (*host)
		h = (h ^ (unsigned char)*host++) * 16777619u;
	return (h ^ h >> 16) % BUCKETS;
}

static struct name *
find(const struct names *names, const char *host)
{
	struct name *name = names->bucket[hash(host)];

	while (name && strcmp(name->host, host) != 0)
		name = name->next;
	return name;
}

static struct name *
add(struct names *names, const char *host)
{
	size_t size = strlen(host) + 1;
	struct name *name = aw__calloc(1, sizeof *name + size);

	if (!name)
		return NULL;
	memcpy(name->host, host, size);
	name->names = names;
	name->bucket = hash(host);
	name->next = names->bucket[name->bucket];
	names->bucket[name->bucket] = name;
	return name;
}

static void
unlist(struct names *names, struct name *name)
{
	if (!name->answer)
		return;
	if (name->newer)
		name->newer->older = name->older;
	else
		names->newest = name->older;
	if (name->older)
		name->older->newer = name->newer;
	else
		names->oldest = name->newer;
	names->n_known--;
}

static void
list(struct names *names, struct name *name)
{
	name->newer = NULL;
	name->older = names->newest;
	if (names->newest)
		names->newest->newer = name;
	else
		names->oldest = name;
	names->newest = name;
	names->n_known++;
}

/* Forgets a name that is not in flight. */
static void
forget(struct name *name)
{
	struct names *names = name->names;
	struct name **at = &names->bucket[name->bucket];

	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
	unlist(names, name);
	aw__answer_unref(name->answer);
	aw__free(name);
}

/* The jobs in flight are ended by the loop's jobs. */
static void
names_fini(void *value)
{
	struct names *names = value;
	unsigned i;

	for (i = 0; i < BUCKETS; i++)
		while (names->bucket[i])
			forget(names->bucket[i]);
	aw__free(names);
}

static void
slot_init(void)
{
	slot = aw_slot_new(names_fini);
}

static int
names_here(struct names **ret)
{
	struct names *names;
	int r;

	pthread_once(&slot_once, slot_init);
	names = aw_slot_get(slot);
	if (!names) {
		names = aw__calloc(1, sizeof *names);
		if (!names)
			return aw_fail(-ENOMEM, "no memory for host names");
		r = aw_slot_set(slot, names);
		if (r < 0) {
			aw__free(names);
			return r;
		}
		names->mark = aw_fork_mark();
	}
	if (names->mark != aw_fork_mark())
		return aw_fail(AW_EFORK, "this loop was made before fork()");
	*ret = names;
	return 0;
}

/* --- Queries in flight ------------------------------------------------- */

/* Gives every waiter a reference, or what there was a lack of. */
static void
serve(struct name *name, struct aw__answer *answer, int lack)
{
	struct aw__wait_node *node;

	while ((node = name->head) != NULL) {
		aw__waiters_remove(&name->head, &name->tail, node);
		node->n = 1;	/* the name is not in flight any more */
		if (!aw__wake(&node->wait, lack))
			continue;
		node->data = answer;
		if (answer)
			answer->refs++;
	}
}

static void
answered(void *arg)
{
	struct name *name = arg;
	struct names *names = name->names;
	struct aw__query *query = aw_job_memory(name->job);
	struct aw__answer *answer = query->answer;
	int lack = query->lack;

	query->answer = NULL;
	aw_job_free(name->job);
	name->job = NULL;
	serve(name, answer, lack);
	if (!answer) {
		forget(name);
		return;
	}
	name->answer = answer;
	name->expires = aw__now(aw__loop) +
			(answer->eai ? BAD_SECONDS : GOOD_SECONDS);
	list(names, name);
	if (names->n_known > KNOWN_MAX)
		forget(names->oldest);
}

static int
query(struct name *name)
{
	struct aw__query *memory;
	struct aw_job *job;
	int r;

	r = aw__job_new(&job, AW_JOBS_NAMES, &aw__query_type,
			sizeof *memory);
	if (r < 0)
		return r;
	memory = aw_job_memory(job);
	aw__copy_text(memory->host, sizeof memory->host, name->host);
	job->fn = answered;
	job->arg = name;
	r = aw__job_submit(job);
	if (r < 0) {
		aw_job_free(job);
		return r;
	}
	name->job = job;
	return 0;
}

/* The last waiter has gone. */
static void
leave_alone(struct name *name)
{
	if (!aw__job_withdraw(name->job)) {
		aw__job_replace(name->job);
		return;
	}
	aw_job_free(name->job);
	name->job = NULL;
	forget(name);
}

/* Nothing was learned of the name, and nothing is remembered. */
static int
fail_lack(const char *host, int lack)
{
	aw_fail(lack, "the address of host '%s': %s", host, aw_strerror(lack));
	aw_error_edit()->sent = AW_NOT_SENT;
	return lack;
}

/* The name may be gone when it returns, host not. */
static int
wait_answer(struct aw_task *self, struct name *name, const char *host,
	    struct aw__answer **ret)
{
	struct aw__wait_node node = {
		.wait = AW__WAIT_INIT(self, "the address of a host", name)
	};
	int r = aw__waiters_wait(&name->head, &name->tail, &node);

	if (r < 0) {
		if (node.n == 0 && !name->head)
			leave_alone(name);
		return r;
	}
	if (node.wait.value < 0)
		return fail_lack(host, node.wait.value);
	*ret = node.data;
	return 0;
}

/* --- Asking ------------------------------------------------------------ */

static int
start(struct names *names, const char *host, struct name **ret)
{
	struct name *name = add(names, host);
	int r;

	if (!name)
		return aw_fail(-ENOMEM, "no memory for a host name");
	r = query(name);
	if (r < 0) {
		forget(name);
		return r;
	}
	*ret = name;
	return 0;
}

int
aw__names_get(struct aw_task *self, const char *host, struct aw__answer **ret)
{
	struct names *names = NULL;
	struct name *name;
	int r;

	r = names_here(&names);
	if (r < 0)
		return r;
	name = find(names, host);
	if (name && name->answer && name->expires <= aw__now(self->loop)) {
		forget(name);
		name = NULL;
	}
	if (name && name->answer) {
		unlist(names, name);
		list(names, name);
		name->answer->refs++;
		*ret = name->answer;
		return 0;
	}
	if (!name) {
		r = start(names, host, &name);
		if (r < 0)
			return r;
	}
	return wait_answer(self, name, host, ret);
}
