/* SPDX-License-Identifier: MIT */
/*
 * Task-locals: what a key holds in this task.
 *
 *	key.place (from 1)   task->own        keys without .inherit
 *	      |              task->inherited  keys with it; shared, see below
 *	      v                   |
 *	     [ . | cell | . ] <---+--- the same table in the children
 *	             |
 *	             +--> { refs, value, dtor }
 *
 * A child takes its parent's table of inherited values by counting one
 * reference: nothing is copied or allocated by a spawn. Who sets a key in a
 * table that others share copies the table first, so that a value set later
 * reaches neither parent nor siblings. Cells are counted too: a value is
 * destroyed when the last table that holds it goes.
 *
 * Tasks stay on their thread and so do their tables; only the places of the
 * keys are handed out to every thread.
 */
#include <await/local.h>
#include <stdatomic.h>

#include "runtime.h"

#define PLACES_MAX 256

struct cell {
	unsigned refs;
	void *value;
	void (*dtor)(void *value);
};

struct aw__locals {
	unsigned refs;
	unsigned n;
	struct cell *at[];
};

static atomic_uint last_place;

/* --- Cells and tables -------------------------------------------------- */

static void
unref_cell(struct cell *cell)
{
	if (!cell || --cell->refs > 0)
		return;
	if (cell->dtor) {
		AW__CALLBACK("the destructor of a task-local");
		cell->dtor(cell->value);
	}
	aw__free(cell);
}

/* The destructors run when the table cannot be found any more. */
void
aw__locals_unref(struct aw__locals **table)
{
	struct aw__locals *t = *table;
	unsigned i;

	*table = NULL;
	if (!t || --t->refs > 0)
		return;
	for (i = 0; i < t->n; i++)
		unref_cell(t->at[i]);
	aw__free(t);
}

struct aw__locals *
aw__locals_ref(struct aw__locals *table)
{
	if (table)
		table->refs++;
	return table;
}

/* A table of at least n places that only the caller holds, with the cells of
 * the former one; that one's reference is given up. NULL: no memory. */
static struct aw__locals *
own_table(struct aw__locals *former, unsigned n)
{
	struct aw__locals *table;
	unsigned i;

	if (former && former->refs == 1 && former->n >= n)
		return former;
	if (former && former->n > n)
		n = former->n;
	table = aw__calloc(1, sizeof *table + n * sizeof table->at[0]);
	if (!table)
		return NULL;
	table->refs = 1;
	table->n = n;
	for (i = 0; former && i < former->n; i++) {
		table->at[i] = former->at[i];
		if (table->at[i])
			table->at[i]->refs++;
	}
	aw__locals_unref(&former);
	return table;
}

/* --- Keys -------------------------------------------------------------- */

/* The place of a key, from 1; its first use by any thread gives it one. */
static unsigned
place_of(struct aw_local *key)
{
	unsigned place = __atomic_load_n(&key->place, __ATOMIC_RELAXED);
	unsigned none = 0;

	if (place)
		return place;
	place = atomic_load(&last_place);
	do
		if (place >= PLACES_MAX)
			return 0;
	while (!atomic_compare_exchange_weak(&last_place, &place, place + 1));
	place++;
	if (__atomic_compare_exchange_n(&key->place, &none, place, false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return place;
	return none;			/* another thread was first */
}

static struct aw__locals **
table_of(struct aw_task *task, const struct aw_local *key)
{
	return key->inherit ? &task->inherited : &task->own;
}

/* --- The interface ----------------------------------------------------- */

int
aw_local_set(struct aw_local *key, void *value)
{
	struct aw_task *self = aw__self();
	struct aw__locals *table;
	struct cell *cell = NULL, *former;
	unsigned place = place_of(key);

	if (!self)
		return aw__no_task("aw_local_set");
	if (place == 0)
		return aw_fail(AW_ELIMIT, "aw_local_set: the process has %d "
			       "keys already", PLACES_MAX);
	if (value) {
		cell = aw__malloc(sizeof *cell);
		if (!cell)
			return aw_fail(-ENOMEM, "no memory for a task-local");
		*cell = (struct cell){ 1, value, key->dtor };
	}
	table = own_table(*table_of(self, key), place);
	if (!table) {
		aw__free(cell);
		return aw_fail(-ENOMEM, "no memory for a task-local");
	}
	*table_of(self, key) = table;
	former = table->at[place - 1];
	table->at[place - 1] = cell;
	unref_cell(former);
	return 0;
}

void *
aw_local_get(const struct aw_local *key)
{
	const unsigned place = __atomic_load_n(&key->place, __ATOMIC_RELAXED);
	struct aw_task *self = aw__self();
	const struct aw__locals *table = self ? *table_of(self, key) : NULL;

	if (!table || place == 0 || place > table->n || !table->at[place - 1])
		return NULL;
	return table->at[place - 1]->value;
}
