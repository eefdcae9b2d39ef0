/* SPDX-License-Identifier: MIT */
/*
 * Counters for those who ask. What costs nothing is counted as it happens
 * (struct aw__counts); what would cost something is counted here.
 */
#include "file_private.h"

static uint64_t
count_ready(const struct aw_loop *l)
{
	const struct aw_task *task;
	uint64_t n = 0;

	for (task = l->ready_head; task; task = task->next_ready)
		n++;
	return n;
}

static uint64_t
count_unjoined(const struct aw_loop *l)
{
	const struct aw_task *task;
	uint64_t n = 0;

	for (task = l->all; task; task = task->next_all)
		n += task->state == AW__TASK_FINISHED;
	return n;
}

static void
add_stacks(const struct aw_loop *l, struct aw_metrics *m)
{
	size_t guards[3] = { 0 };

	m->stacks = l->stacks.n_used;
	m->stack_bytes = aw__stacks_count(&l->stacks, guards);
	m->guards_gap = guards[AW__GUARD_GAP];
	m->guards_mprotect = guards[AW__GUARD_MPROTECT];
	m->guards_light = guards[AW__GUARD_LIGHT];
}

static void
add_counts(const struct aw_loop *l, struct aw_metrics *m)
{
	const struct aw__counts *c = &l->counts;

	m->tasks_peak = c->peak_tasks;
	m->switches = c->runs + l->runs + c->direct;
	m->polls = c->polls;
	m->batches = c->batches;
	m->batches_by_count = c->by_count;
	m->batches_by_time = c->by_time;
	m->ready_peak = c->peak_ready;
	m->latency_samples = c->n_samples;
	m->latency_mean = c->n_samples ? c->samples / (double)c->n_samples : 0;
	m->latency_max = c->samples_max;
	m->waits_failed = c->failed;
}

int
aw_metrics(struct aw_metrics *ret)
{
	const struct aw_loop *l = aw__loop;
	struct aw_metrics m = { 0 };

	if (!l)
		return aw__no_loop("aw_metrics");
	m.tasks = l->n_tasks;
	m.services = l->n_services;
	m.spawned = l->last_id;
	m.unjoined = count_unjoined(l);
	m.turns_forced = l->n_turns;
	m.ready = count_ready(l);
	m.timers = l->timers.n;
	m.jobs = aw__jobs_count();
	add_counts(l, &m);
	add_stacks(l, &m);
	aw__ring_count(&m.ring_done, &m.ring_refused);
	*ret = m;
	return 0;
}
