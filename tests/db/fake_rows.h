/* SPDX-License-Identifier: MIT */
/* fake_rows.h - rows without a server: three columns whose cells a test sets.
 */
#ifndef TESTS_DB_FAKE_ROWS_H
#define TESTS_DB_FAKE_ROWS_H

#include "../../db/common.h"
#include "../support/suite.h"

struct fake {
	struct aw_rows base;
	struct aw_cell cells[3];
	int steps;
};

static inline int
fake_step(struct aw_rows *rows)
{
	return ((struct fake *)rows)->steps-- > 0;
}

static inline int
fake_cell(struct aw_rows *rows, int column, struct aw_cell *ret)
{
	*ret = ((struct fake *)rows)->cells[column];
	return 0;
}

static inline const char *
fake_name(const struct aw_rows *rows, int column)
{
	static const char *const names[] = { "a", "b", "a" };

	(void)rows;
	return names[column];
}

static inline const char *
fake_type(struct aw_rows *rows, int column)
{
	(void)rows;
	(void)column;
	return "fake";
}

static inline void
fake_free(struct aw_rows *rows)
{
	(void)rows;
}

static const struct aw_rows_ops fake_ops = {
	.step = fake_step, .cell = fake_cell, .name = fake_name,
	.type = fake_type, .free = fake_free,
};

static inline struct fake
fake_rows(int steps, struct aw_cell a, struct aw_cell b, struct aw_cell c)
{
	struct fake f = { .cells = { a, b, c } };

	aw__db_rows_init(&f.base, &fake_ops, 3);
	f.cells[0] = a;
	f.cells[1] = b;
	f.cells[2] = c;
	f.steps = steps;
	return f;
}

static inline struct aw_cell
native(struct aw_value value)
{
	return (struct aw_cell){ .value = value };
}

static inline struct aw_cell
text_cell(int kind, const char *text)
{
	struct aw_cell c = { .text = true, .value = { .kind = kind } };

	c.value.as.bytes = aw_text(text);
	return c;
}

static const struct aw_cell null_cell = { .null = true };

/* One cell into one target. */
static inline int
into(struct aw_cell cell, struct aw_target target)
{
	struct fake f = fake_rows(1, cell, null_cell, null_cell);
	int r = aw_rows_next_v(&f.base, NULL, 0);

	if (r == 1)
		r = aw_rows_get_v(&f.base, 0, target);
	aw_rows_free(&f.base);
	return r;
}

#endif
