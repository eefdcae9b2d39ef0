/* SPDX-License-Identifier: MIT */
/*
 * meta.c - the columns of a result, counted.
 *
 * libmariadb keeps them with the statement and overwrites them; rows outlive
 * both.  A statement keeps one copy and compares: as long as the server says
 * the same, its results share it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "my_conn.h"

#define BINARY_CHARSET 63

static bool
is_text(const MYSQL_FIELD *f)
{
	return f->charsetnr != BINARY_CHARSET;
}

static bool
is_uuid(const MYSQL_FIELD *f)
{
	MARIADB_CONST_STRING name = { NULL, 0 };

	return mariadb_field_attr(&name, f,
				  MARIADB_FIELD_ATTR_DATA_TYPE_NAME) == 0 &&
		name.length == 4 && memcmp(name.str, "uuid", 4) == 0;
}

static void
set_time(struct aw_my_column *c, int kind)
{
	c->form = FORM_TIME;
	c->time_kind = kind;
}

static void
set_fixed(struct aw_my_column *c, enum aw_my_form form, int width)
{
	c->form = form;
	c->width = width;
}

/* Widths: MariaDB knowledge base, "Resultset row", binary. */
static void
set_form(struct aw_my_column *c, const MYSQL_FIELD *f)
{
	c->form = is_text(f) ? FORM_TEXT : FORM_BYTES;
	switch (f->type) {
	case MYSQL_TYPE_TINY:
		set_fixed(c, FORM_INT, 1);
		break;
	case MYSQL_TYPE_SHORT:
	case MYSQL_TYPE_YEAR:
		set_fixed(c, FORM_INT, 2);
		break;
	case MYSQL_TYPE_INT24:
	case MYSQL_TYPE_LONG:
		set_fixed(c, FORM_INT, 4);
		break;
	case MYSQL_TYPE_LONGLONG:
		set_fixed(c, FORM_INT, 8);
		break;
	case MYSQL_TYPE_FLOAT:
		set_fixed(c, FORM_FLOAT, 4);
		break;
	case MYSQL_TYPE_DOUBLE:
		set_fixed(c, FORM_DOUBLE, 8);
		break;
	case MYSQL_TYPE_DECIMAL:
	case MYSQL_TYPE_NEWDECIMAL:
		c->form = FORM_DECIMAL;
		break;
	case MYSQL_TYPE_DATE:
	case MYSQL_TYPE_NEWDATE:
		set_time(c, AW_TIME_DATE);
		break;
	case MYSQL_TYPE_DATETIME:
		set_time(c, AW_TIME_LOCAL);
		break;
	case MYSQL_TYPE_TIMESTAMP:
		set_time(c, AW_TIME_INSTANT);
		break;
	case MYSQL_TYPE_TIME:
		set_time(c, AW_TIME_OF_DAY);
		break;
	case MYSQL_TYPE_BIT:
		c->form = FORM_BIT;
		break;
	case MYSQL_TYPE_NULL:
		c->form = FORM_NULL;
		break;
	case MYSQL_TYPE_JSON:
		c->form = FORM_TEXT;
		break;
	case MYSQL_TYPE_STRING:
	case MYSQL_TYPE_VAR_STRING:
		if (is_uuid(f))
			c->form = FORM_UUID;
		break;
	default:
		break;
	}
}

struct aw_my_meta *
aw__my_meta_new(const MYSQL_FIELD *fields, unsigned n)
{
	struct aw_my_meta *meta;
	size_t size = 0;
	char *at;

	for (unsigned i = 0; i < n; i++)
		size += strlen(fields[i].name ? fields[i].name : "") + 1;
	meta = calloc(1, sizeof(*meta) + n * sizeof(meta->columns[0]) + size);
	if (!meta)
		return NULL;

	meta->refs = 1;
	meta->n = (int)n;
	at = meta->names = (char *)&meta->columns[n];
	for (unsigned i = 0; i < n; i++) {
		const char *name = fields[i].name ? fields[i].name : "";
		struct aw_my_column *c = &meta->columns[i];

		c->name = memcpy(at, name, strlen(name) + 1);
		at += strlen(name) + 1;
		c->type = fields[i].type;
		c->flags = fields[i].flags;
		c->charset = fields[i].charsetnr;
		c->decimals = fields[i].decimals;
		c->is_unsigned = fields[i].flags & UNSIGNED_FLAG;
		set_form(c, &fields[i]);
	}
	return meta;
}

bool
aw__my_meta_fits(const struct aw_my_meta *meta, const MYSQL_FIELD *fields,
		 unsigned n)
{
	if (!meta || meta->n != (int)n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		const struct aw_my_column *c = &meta->columns[i];

		if (c->type != (int)fields[i].type ||
		    c->flags != fields[i].flags ||
		    c->charset != fields[i].charsetnr ||
		    c->decimals != fields[i].decimals ||
		    (fields[i].name && strcmp(c->name, fields[i].name) != 0))
			return false;
	}
	return true;
}

struct aw_my_meta *
aw__my_meta_ref(struct aw_my_meta *meta)
{
	__atomic_add_fetch(&meta->refs, 1, __ATOMIC_RELAXED);
	return meta;
}

void
aw__my_meta_unref(struct aw_my_meta *meta)
{
	if (meta && __atomic_sub_fetch(&meta->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(meta);
}

struct type_name {
	int type;
	const char *name;	/* of a text column where there are two */
	const char *binary;
};

static const struct type_name type_names[] = {
	{ MYSQL_TYPE_TINY, "tinyint", NULL },
	{ MYSQL_TYPE_SHORT, "smallint", NULL },
	{ MYSQL_TYPE_INT24, "mediumint", NULL },
	{ MYSQL_TYPE_LONG, "int", NULL },
	{ MYSQL_TYPE_LONGLONG, "bigint", NULL },
	{ MYSQL_TYPE_FLOAT, "float", NULL },
	{ MYSQL_TYPE_DOUBLE, "double", NULL },
	{ MYSQL_TYPE_DECIMAL, "decimal", NULL },
	{ MYSQL_TYPE_NEWDECIMAL, "decimal", NULL },
	{ MYSQL_TYPE_DATE, "date", NULL },
	{ MYSQL_TYPE_NEWDATE, "date", NULL },
	{ MYSQL_TYPE_DATETIME, "datetime", NULL },
	{ MYSQL_TYPE_TIMESTAMP, "timestamp", NULL },
	{ MYSQL_TYPE_TIME, "time", NULL },
	{ MYSQL_TYPE_YEAR, "year", NULL },
	{ MYSQL_TYPE_BIT, "bit", NULL },
	{ MYSQL_TYPE_JSON, "json", NULL },
	{ MYSQL_TYPE_ENUM, "enum", NULL },
	{ MYSQL_TYPE_SET, "set", NULL },
	{ MYSQL_TYPE_GEOMETRY, "geometry", NULL },
	{ MYSQL_TYPE_NULL, "null", NULL },
	{ MYSQL_TYPE_STRING, "char", "binary" },
	{ MYSQL_TYPE_VARCHAR, "varchar", "varbinary" },
	{ MYSQL_TYPE_VAR_STRING, "varchar", "varbinary" },
	{ MYSQL_TYPE_TINY_BLOB, "tinytext", "tinyblob" },
	{ MYSQL_TYPE_BLOB, "text", "blob" },
	{ MYSQL_TYPE_MEDIUM_BLOB, "mediumtext", "mediumblob" },
	{ MYSQL_TYPE_LONG_BLOB, "longtext", "longblob" },
};

/* Unsigned integers say so; the server tells enumerations by a flag. */
const char *
aw__my_type_name(const struct aw_my_column *c, char buf[24])
{
	const char *name = "unknown";

	if (c->form == FORM_UUID)
		return "uuid";
	if (c->flags & ENUM_FLAG)
		return "enum";
	if (c->flags & SET_FLAG)
		return "set";
	for (size_t i = 0; i < AW_LENGTH(type_names); i++) {
		const struct type_name *t = &type_names[i];

		if (t->type == c->type)
			name = t->binary && c->charset == BINARY_CHARSET ?
				t->binary : t->name;
	}
	snprintf(buf, 24, "%s%s", name, c->form == FORM_INT && c->is_unsigned &&
		 c->type != MYSQL_TYPE_YEAR ? " unsigned" : "");
	return buf;
}
