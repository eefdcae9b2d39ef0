/* SPDX-License-Identifier: MIT */
/*
 * common.h - between the files of the common half, hidden from the drivers.
 */
#ifndef AWAIT_DB_COMMON_H
#define AWAIT_DB_COMMON_H

#include "driver_ops.h"

#define AW_DB_MAX_VALUES 65535

/* call.c: run one statement on a borrowed connection.  conn->calling must
 * not be set; call has sql, values and want. */
int aw__db_call(struct aw_conn *conn, struct aw_call *call);
/* May this task use the connection now?  0, AW_EFORK, AW_EUSAGE, AW_EBUSY. */
int aw__db_usable(struct aw_conn *conn);
/* Repair it and send what is owed.  Awaits. */
int aw__db_settle(struct aw_conn *conn);
/* AW_ETXDEAD if the transaction has failed, with the first SQLSTATE. */
int aw__db_check_alive_tx(const struct aw_conn *conn);
/* After a failed exchange with the server: is the transaction dead now? */
void aw__db_note_failure(struct aw_conn *conn, int r);

/* tx.c: what is owed goes to the server.  Awaits. */
int aw__db_pay(struct aw_conn *conn);
/* The connection is being released: its transactions end here. */
void aw__db_tx_orphan(struct aw_conn *conn);

/* stmts.c */
struct aw_stmts *aw__db_stmts_new(int n_slots, int prepare_after,
				  void (*meta_free)(void *));
void aw__db_stmts_free(struct aw_stmts *stmts);
/* The place of a text in the cache, pinned; NULL if it has none (yet). */
struct aw_stmt *aw__db_stmt_get(struct aw_stmts *stmts, const char *text,
				size_t size);
void aw__db_stmt_put(struct aw_stmt *stmt);

/* rows.c: the connection of a stream is released before the rows. */
void aw__db_rows_orphan(struct aw_rows *rows);

/* arena.c: size bytes until the next reset; NULL without memory. */
void *aw__db_arena_get(struct aw_arena *arena, size_t size);
void aw__db_arena_reset(struct aw_arena *arena);
void aw__db_arena_fini(struct aw_arena *arena);

/* convert.c: the current row into n targets, all or none. */
int aw__db_convert(struct aw_rows *rows, int first_column,
		   const struct aw_target *targets, size_t n);

/* cell.c: the value of a cell that is not NULL; 0, AW_ETYPE, AW_ERANGE,
 * AW_EDECODE, without detail.  size: of the target, 2, 4 or 8. */
int aw__db_cell_bool(const struct aw_cell *cell, bool *ret);
int aw__db_cell_int(const struct aw_cell *cell, size_t size, int64_t *ret);
int aw__db_cell_uint(const struct aw_cell *cell, size_t size, uint64_t *ret);
int aw__db_cell_float(const struct aw_cell *cell, float *ret);
int aw__db_cell_double(const struct aw_cell *cell, double *ret);
int aw__db_cell_time(const struct aw_cell *cell, struct aw_time *ret);
int aw__db_cell_interval(const struct aw_cell *cell, struct aw_interval *ret);
int aw__db_cell_uuid(const struct aw_cell *cell, struct aw_uuid *ret);

/* parse.c */
int aw__db_parse_decimal_int(struct aw_bytes text, int64_t *ret);
int aw__db_parse_decimal_uint(struct aw_bytes text, uint64_t *ret);
int aw__db_parse_interval(struct aw_bytes text, struct aw_interval *ret);

#endif
