/* SPDX-License-Identifier: MIT */
/*
 * prepare.c - statements on the server.
 *
 *	conn->slots[i].handle -> struct aw_my_stmt { MYSQL_STMT, columns }
 *	c->temp               a statement without a place, until the next one
 *
 * Closing one needs no answer, only a few bytes to the server; when the
 * session is dead or was reset libmariadb knows it and sends nothing.
 */
#include <stdlib.h>

#include "my_conn.h"

void
aw__my_stmt_fini(struct aw_my_conn *c, struct aw_my_stmt *stmt)
{
	if (stmt->stmt) {
		if (!c->dead && c->mysql)
			aw__my_enter(c);
		mysql_stmt_close(stmt->stmt);
	}
	aw__my_meta_unref(stmt->meta);
	stmt->stmt = NULL;
	stmt->meta = NULL;
}

static void
clear_slot(struct aw_my_conn *c, struct aw_stmt_slot *slot)
{
	struct aw_my_stmt *stmt = slot->handle;

	slot->serial = 0;
	slot->handle = NULL;
	if (stmt)
		aw__my_stmt_fini(c, stmt);
	free(stmt);
}

void
aw__my_forget_slot(struct aw_my_conn *c, struct aw_stmt *stmt)
{
	if (stmt)
		clear_slot(c, &c->base.slots[stmt->slot]);
}

void
aw__my_forget_statements(struct aw_my_conn *c)
{
	for (int i = 0; i < c->base.db->options.cache; i++)
		clear_slot(c, &c->base.slots[i]);
	aw__my_stmt_fini(c, &c->temp);
}

static int
check_count(const struct aw_call *call, MYSQL_STMT *stmt)
{
	unsigned long n = mysql_stmt_param_count(stmt);

	if (n == call->n_values)
		return 0;
	return aw_fail(AW_EUSAGE, "%zu parameters for a statement that takes "
		       "%lu", call->n_values, n);
}

static int
make(struct aw_my_conn *c, struct aw_call *call, struct aw_my_stmt *ret)
{
	enum aw_sent sent = AW_NOT_SENT;
	int r;

	aw__my_enter(c);
	ret->stmt = mysql_stmt_init(c->mysql);
	if (!ret->stmt)
		return aw_fail(AW_ENOMEM, "a prepared statement");
	if (mysql_stmt_prepare(ret->stmt, call->text, call->size) == 0)
		return 0;
	r = aw__my_fail_stmt(c, ret->stmt, &sent);
	if (r == AW_ESQL)
		aw_error_edit()->sent = AW_SENT_NO_EFFECT;
	aw__my_stmt_fini(c, ret);
	return r;
}

static int
fill_slot(struct aw_my_conn *c, struct aw_call *call,
	  struct aw_stmt_slot *slot)
{
	struct aw_my_stmt *stmt;
	int r;

	clear_slot(c, slot);
	stmt = calloc(1, sizeof(*stmt));
	if (!stmt)
		return aw_fail(AW_ENOMEM, "a prepared statement");
	r = make(c, call, stmt);
	if (r < 0) {
		free(stmt);
		return r;
	}
	slot->serial = call->stmt->serial;
	slot->hash = call->stmt->hash;
	slot->handle = stmt;
	return 0;
}

int
aw__my_prepare(struct aw_my_conn *c, struct aw_call *call,
	       struct aw_my_stmt **ret)
{
	struct aw_stmt_slot *slot;
	int r = 0;

	if (!call->prepare) {
		aw__my_stmt_fini(c, &c->temp);
		r = make(c, call, &c->temp);
		*ret = &c->temp;
	} else {
		slot = &c->base.slots[call->stmt->slot];
		if (slot->serial != call->stmt->serial)
			r = fill_slot(c, call, slot);
		*ret = slot->handle;
	}
	return r < 0 ? r : check_count(call, (*ret)->stmt);
}
