/* SPDX-License-Identifier: MIT */
/*
 * value.h - what goes into a statement and what comes out of a row.
 *
 * A parameter is a struct aw_value, a target a struct aw_target; nobody
 * writes them by hand.  aw_value(x) and aw_target(&x) choose by the type of
 * x, and the calls of db.h apply them to every argument:
 *
 *	aw_db_exec(db, NULL, "UPDATE t SET a = $1 WHERE id = $2", name, id);
 *	aw_rows_next(rows, &id, AW_BUF(name), AW_OPT(&size, &unknown));
 *
 * There is no default branch: a type that does not fit is a compile error
 * that names it.  `true`, `a == b`, 'x' and enumerations are int in C, so an
 * int that is 0 or 1 fits a boolean column.  NULL is SQL NULL; so are a NULL
 * string and bytes with NULL data; any other void pointer is refused when
 * the call runs.  An integer never becomes a timestamp, nor a timestamp an
 * integer: struct aw_time says what is meant.
 *
 * The server's type of a parameter decides how it is encoded.  A conversion
 * that keeps the value is made, any other is AW_ETYPE or AW_ERANGE before a
 * byte is sent.  Arguments are used only until the call returns.
 *
 * C++ and bindings use the constructors and the functions with the suffix
 * _v; the macros need C11's _Generic.
 */
#ifndef AWAIT_VALUE_H
#define AWAIT_VALUE_H

#include <await/base.h>
#include <await/time.h>

/* 16 bytes in the order of the text form. */
struct aw_uuid {
	unsigned char bytes[16];
};

/* A span as SQL counts it: no part can be converted into another. */
struct aw_interval {
	int32_t months;
	int32_t days;
	int64_t microseconds;
};

enum aw_kind {
	AW_KIND_NULL,
	AW_KIND_BOOL,
	AW_KIND_INT,		/* any signed integer */
	AW_KIND_UINT,		/* any unsigned integer */
	AW_KIND_FLOAT,		/* of single precision, held as double */
	AW_KIND_DOUBLE,
	AW_KIND_TEXT,		/* UTF-8; a NUL follows.  One inside is for
				 * MariaDB, and for bytea of PostgreSQL */
	AW_KIND_BYTES,		/* for a binary or a text column */
	AW_KIND_DECIMAL,	/* a number as text; a NUL follows */
	AW_KIND_TIME,
	AW_KIND_INTERVAL,
	AW_KIND_UUID,
	AW_KIND_ARRAY,
	AW_KIND_POINTER		/* a void pointer that is not NULL: refused */
};

/* Elements of one C type, side by side in memory. */
struct aw_items {
	const void *at;
	uint32_t n;
	uint16_t kind;		/* enum aw_kind of one element */
	uint16_t size;		/* of one element, in bytes */
};

/* One parameter.  Which member holds it follows from kind. */
struct aw_value {
	int kind;		/* enum aw_kind */
	int spare;
	union {
		bool b;
		int64_t i;
		uint64_t u;
		double d;
		struct aw_bytes bytes;
		struct aw_time time;
		struct aw_interval interval;
		struct aw_uuid uuid;
		struct aw_items array;
		const void *pointer;
	} as;
};

enum aw_target_kind {
	AW_TARGET_SKIP,
	AW_TARGET_BOOL,
	AW_TARGET_INT,		/* signed, of size bytes: 2, 4 or 8 */
	AW_TARGET_UINT,
	AW_TARGET_FLOAT,
	AW_TARGET_DOUBLE,
	AW_TARGET_TEXT,		/* const char *, lent until the next row */
	AW_TARGET_BYTES,	/* lent until the next row */
	AW_TARGET_TIME,
	AW_TARGET_INTERVAL,
	AW_TARGET_UUID,
	AW_TARGET_BUF		/* char array of size bytes, NUL included */
};

/* Where a column of a row goes. */
struct aw_target {
	int kind;		/* enum aw_target_kind */
	int spare;
	void *at;
	size_t size;
	bool *null;		/* NULL: a SQL NULL is AW_ENULL */
};

/* The targets of aw_db_one(), from AW_INTO(). */
struct aw_into {
	const struct aw_target *targets;
	size_t n_targets;
};

/*
 * Constructors of parameters, one for each kind: aw_value_int(7).  They
 * borrow what they point at and cannot fail.
 */
#define AW_VALUE_FROM_(name, type, member, kind_) \
	static inline struct aw_value \
	aw_value_##name(type x) \
	{ \
		struct aw_value v; \
		v.kind = kind_; \
		v.spare = 0; \
		v.as.member = x; \
		return v; \
	}

AW_VALUE_FROM_(bool, bool, b, AW_KIND_BOOL)
AW_VALUE_FROM_(int, int64_t, i, AW_KIND_INT)
AW_VALUE_FROM_(uint, uint64_t, u, AW_KIND_UINT)
AW_VALUE_FROM_(float, float, d, AW_KIND_FLOAT)
AW_VALUE_FROM_(double, double, d, AW_KIND_DOUBLE)
AW_VALUE_FROM_(time, struct aw_time, time, AW_KIND_TIME)
AW_VALUE_FROM_(interval, struct aw_interval, interval, AW_KIND_INTERVAL)
AW_VALUE_FROM_(uuid, struct aw_uuid, uuid, AW_KIND_UUID)
AW_VALUE_FROM_(items, struct aw_items, array, AW_KIND_ARRAY)
AW_VALUE_FROM_(null_, const void *, pointer, AW_KIND_NULL)
AW_VALUE_FROM_(void_, const void *, pointer, AW_KIND_POINTER)
AW_VALUE_FROM_(text_, struct aw_bytes, bytes, AW_KIND_TEXT)
AW_VALUE_FROM_(bytes_, struct aw_bytes, bytes, AW_KIND_BYTES)
AW_VALUE_FROM_(decimal_, struct aw_bytes, bytes, AW_KIND_DECIMAL)

#undef AW_VALUE_FROM_

/* SQL NULL, of whatever type the statement wants. */
static inline struct aw_value
aw_value_null(void)
{
	return aw_value_null_(NULL);
}

/* NULL is SQL NULL; any other untyped pointer is refused by the call. */
static inline struct aw_value
aw_value_pointer(const void *pointer)
{
	return pointer ? aw_value_void_(pointer) : aw_value_null();
}

/* text: NUL-terminated UTF-8; NULL is SQL NULL. */
static inline struct aw_value
aw_value_text(const char *text)
{
	return text ? aw_value_text_(aw_text(text)) : aw_value_null();
}

/* bytes: with NULL data it is SQL NULL. */
static inline struct aw_value
aw_value_bytes(struct aw_bytes bytes)
{
	return bytes.data ? aw_value_bytes_(bytes) : aw_value_null();
}

/* A number of any size and precision, written out: aw_decimal("1.50"). */
static inline struct aw_value
aw_decimal(const char *digits)
{
	return digits ? aw_value_decimal_(aw_text(digits)) : aw_value_null();
}

static inline struct aw_value
aw_value_identity(struct aw_value value)
{
	return value;
}

static inline struct aw_value
aw_value_items_of(const void *at, size_t n, int kind, size_t size)
{
	struct aw_items items;

	items.at = at;
	items.n = (uint32_t)n;
	items.kind = (uint16_t)kind;
	items.size = (uint16_t)size;
	return at || !n ? aw_value_items(items) : aw_value_null();
}

/*
 * Constructors of targets.  at: written only when a whole row could be
 * converted.
 */
static inline struct aw_target
aw_target_of(int kind, void *at, size_t size)
{
	struct aw_target t;

	t.kind = kind;
	t.spare = 0;
	t.at = at;
	t.size = size;
	t.null = NULL;
	return t;
}

#define AW_TARGET_FROM_(name, type, kind_) \
	static inline struct aw_target \
	aw_target_##name(type *at) \
	{ \
		return aw_target_of(kind_, at, sizeof(*at)); \
	}

AW_TARGET_FROM_(bool, bool, AW_TARGET_BOOL)
AW_TARGET_FROM_(short, short, AW_TARGET_INT)
AW_TARGET_FROM_(int, int, AW_TARGET_INT)
AW_TARGET_FROM_(long, long, AW_TARGET_INT)
AW_TARGET_FROM_(llong, long long, AW_TARGET_INT)
AW_TARGET_FROM_(ushort, unsigned short, AW_TARGET_UINT)
AW_TARGET_FROM_(uint, unsigned, AW_TARGET_UINT)
AW_TARGET_FROM_(ulong, unsigned long, AW_TARGET_UINT)
AW_TARGET_FROM_(ullong, unsigned long long, AW_TARGET_UINT)
AW_TARGET_FROM_(float, float, AW_TARGET_FLOAT)
AW_TARGET_FROM_(double, double, AW_TARGET_DOUBLE)
AW_TARGET_FROM_(text, const char *, AW_TARGET_TEXT)
AW_TARGET_FROM_(bytes, struct aw_bytes, AW_TARGET_BYTES)
AW_TARGET_FROM_(time, struct aw_time, AW_TARGET_TIME)
AW_TARGET_FROM_(interval, struct aw_interval, AW_TARGET_INTERVAL)
AW_TARGET_FROM_(uuid, struct aw_uuid, AW_TARGET_UUID)

#undef AW_TARGET_FROM_

/* A column that is not wanted. */
static inline struct aw_target
aw_target_skip(void)
{
	return aw_target_of(AW_TARGET_SKIP, NULL, 0);
}

/* buf: size bytes; receives text and a NUL, longer text is AW_ETRUNCATED. */
static inline struct aw_target
aw_target_buf(char *buf, size_t size)
{
	return aw_target_of(AW_TARGET_BUF, buf, size);
}

/* null: set to whether the column is NULL, the target is then untouched. */
static inline struct aw_target
aw_target_opt(struct aw_target target, bool *null)
{
	target.null = null;
	return target;
}

static inline struct aw_target
aw_target_identity(struct aw_target target)
{
	return target;
}

static inline struct aw_into
aw_into(const struct aw_target *targets, size_t n_targets)
{
	struct aw_into into;

	into.targets = targets;
	into.n_targets = n_targets;
	return into;
}

#ifndef __cplusplus

/* A parameter from an expression of any type in the list; the value's own
 * type makes it a struct aw_value. */
#define aw_value(x) _Generic((x), \
	bool: aw_value_bool, \
	signed char: aw_value_int, short: aw_value_int, int: aw_value_int, \
	long: aw_value_int, long long: aw_value_int, \
	unsigned char: aw_value_uint, unsigned short: aw_value_uint, \
	unsigned: aw_value_uint, unsigned long: aw_value_uint, \
	unsigned long long: aw_value_uint, \
	float: aw_value_float, double: aw_value_double, \
	char *: aw_value_text, const char *: aw_value_text, \
	void *: aw_value_pointer, const void *: aw_value_pointer, \
	struct aw_bytes: aw_value_bytes, \
	struct aw_time: aw_value_time, \
	struct aw_interval: aw_value_interval, \
	struct aw_uuid: aw_value_uuid, \
	struct aw_value: aw_value_identity)(x)

#define AW_NULL aw_value_null()
/* x if has is true, else SQL NULL; x is evaluated in any case. */
#define AW_IF(has, x) aw_value_if(has, aw_value(x))
#define aw_value_if(has, value) ((has) ? (value) : aw_value_null())

/* n elements at p become one array parameter. */
#define aw_array(p, n) aw_value_items_of((p), (n), AW_ITEM_KIND_(*(p)), \
					 sizeof(*(p)))
#define AW_ITEM_KIND_(x) _Generic((x), \
	bool: AW_KIND_BOOL, \
	short: AW_KIND_INT, int: AW_KIND_INT, long: AW_KIND_INT, \
	long long: AW_KIND_INT, \
	unsigned short: AW_KIND_UINT, unsigned: AW_KIND_UINT, \
	unsigned long: AW_KIND_UINT, unsigned long long: AW_KIND_UINT, \
	float: AW_KIND_FLOAT, double: AW_KIND_DOUBLE, \
	char *: AW_KIND_TEXT, const char *: AW_KIND_TEXT, \
	struct aw_bytes: AW_KIND_BYTES, \
	struct aw_uuid: AW_KIND_UUID)

#define aw_target(x) _Generic((x), \
	bool *: aw_target_bool, \
	short *: aw_target_short, int *: aw_target_int, \
	long *: aw_target_long, long long *: aw_target_llong, \
	unsigned short *: aw_target_ushort, unsigned *: aw_target_uint, \
	unsigned long *: aw_target_ulong, \
	unsigned long long *: aw_target_ullong, \
	float *: aw_target_float, double *: aw_target_double, \
	const char **: aw_target_text, \
	struct aw_bytes *: aw_target_bytes, \
	struct aw_time *: aw_target_time, \
	struct aw_interval *: aw_target_interval, \
	struct aw_uuid *: aw_target_uuid, \
	struct aw_target: aw_target_identity)(x)

#define AW_BUF(array) aw_target_buf((array), AW_ARRAY_SIZE_(array))
#define AW_OPT(target, null) aw_target_opt(aw_target(target), (null))
#define AW_SKIP aw_target_skip()
#define AW_INTO(...) \
	aw_into((struct aw_target[]){ AW_MAP_(aw_target, __VA_ARGS__) }, \
		AW_COUNT_(__VA_ARGS__))

/* sizeof an array; a pointer is a compile error. */
#define AW_ARRAY_SIZE_(a) \
	(sizeof(a) + 0 * sizeof(struct { \
		_Static_assert(!__builtin_types_compatible_p( \
			__typeof__(a), __typeof__(&(a)[0])), \
			"AW_BUF wants an array, not a pointer"); \
		int not_empty; }))

/*
 * Lists of arguments: sql or rows first, then up to 64 more.
 *	AW_COUNT_(a, b)		2
 *	AW_MAP_(f, a, b)	f(a), f(b)
 *	AW_FIRST_(a, b, 0)	a
 *	AW_VALUES_(sql, a, b)	(struct aw_value[]){ ... }, 2
 *	AW_TARGETS_(rows, a)	(struct aw_target[]){ ... }, 1
 */
#define AW_FIRST_(a, ...) a
#define AW_MAP_(f, ...) AW_CAT(AW_MAP_, AW_COUNT_(__VA_ARGS__))(f, __VA_ARGS__)
#define AW_VALUES_(...) \
	AW_CAT(AW_VALUES_, AW_HOW_MANY_(__VA_ARGS__))(__VA_ARGS__)
#define AW_VALUES_ONE(first) NULL, 0
#define AW_VALUES_MORE(first, ...) \
	(struct aw_value[]){ AW_MAP_(aw_value, __VA_ARGS__) }, \
	AW_COUNT_(__VA_ARGS__)
#define AW_VALUES_MANY(...) \
	NULL, AW_REFUSE_("more than 64 parameters: call the function whose " \
			 "name ends in _v with an array of struct aw_value")
#define AW_TARGETS_(...) \
	AW_CAT(AW_TARGETS_, AW_HOW_MANY_(__VA_ARGS__))(__VA_ARGS__)
#define AW_TARGETS_ONE(first) NULL, 0
#define AW_TARGETS_MORE(first, ...) \
	(struct aw_target[]){ AW_MAP_(aw_target, __VA_ARGS__) }, \
	AW_COUNT_(__VA_ARGS__)
#define AW_TARGETS_MANY(...) \
	NULL, AW_REFUSE_("more than 64 targets: call the function whose " \
			 "name ends in _v with an array of struct aw_target")
#define AW_REFUSE_(text) \
	sizeof(struct { _Static_assert(0, text); int not_empty; })

/* The 129th of the arguments: how many came before the filling. */
#define AW_PICK_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, \
	a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, \
	a27, a28, a29, a30, a31, a32, a33, a34, a35, a36, a37, a38, a39, a40, \
	a41, a42, a43, a44, a45, a46, a47, a48, a49, a50, a51, a52, a53, a54, \
	a55, a56, a57, a58, a59, a60, a61, a62, a63, a64, a65, a66, a67, a68, \
	a69, a70, a71, a72, a73, a74, a75, a76, a77, a78, a79, a80, a81, a82, \
	a83, a84, a85, a86, a87, a88, a89, a90, a91, a92, a93, a94, a95, a96, \
	a97, a98, a99, a100, a101, a102, a103, a104, a105, a106, a107, a108, \
	a109, a110, a111, a112, a113, a114, a115, a116, a117, a118, a119, \
	a120, a121, a122, a123, a124, a125, a126, a127, a128, n, ...) n
#define AW_HOW_MANY_(...) AW_PICK_(__VA_ARGS__, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MORE, MORE, MORE, MORE, MORE, MORE, MORE, \
	MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, \
	MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, \
	MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, \
	MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, \
	MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, \
	MORE, MORE, ONE, 0)
#define AW_COUNT_(...) AW_PICK_(__VA_ARGS__, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
	MANY, MANY, MANY, MANY, MANY, 64, 63, 62, 61, 60, 59, 58, 57, 56, 55, \
	54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, \
	37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, \
	20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, \
	0)

#define AW_MAP_1(f, a) f(a)
#define AW_MAP_2(f, a, ...) f(a), AW_MAP_1(f, __VA_ARGS__)
#define AW_MAP_3(f, a, ...) f(a), AW_MAP_2(f, __VA_ARGS__)
#define AW_MAP_4(f, a, ...) f(a), AW_MAP_3(f, __VA_ARGS__)
#define AW_MAP_5(f, a, ...) f(a), AW_MAP_4(f, __VA_ARGS__)
#define AW_MAP_6(f, a, ...) f(a), AW_MAP_5(f, __VA_ARGS__)
#define AW_MAP_7(f, a, ...) f(a), AW_MAP_6(f, __VA_ARGS__)
#define AW_MAP_8(f, a, ...) f(a), AW_MAP_7(f, __VA_ARGS__)
#define AW_MAP_9(f, a, ...) f(a), AW_MAP_8(f, __VA_ARGS__)
#define AW_MAP_10(f, a, ...) f(a), AW_MAP_9(f, __VA_ARGS__)
#define AW_MAP_11(f, a, ...) f(a), AW_MAP_10(f, __VA_ARGS__)
#define AW_MAP_12(f, a, ...) f(a), AW_MAP_11(f, __VA_ARGS__)
#define AW_MAP_13(f, a, ...) f(a), AW_MAP_12(f, __VA_ARGS__)
#define AW_MAP_14(f, a, ...) f(a), AW_MAP_13(f, __VA_ARGS__)
#define AW_MAP_15(f, a, ...) f(a), AW_MAP_14(f, __VA_ARGS__)
#define AW_MAP_16(f, a, ...) f(a), AW_MAP_15(f, __VA_ARGS__)
#define AW_MAP_17(f, a, ...) f(a), AW_MAP_16(f, __VA_ARGS__)
#define AW_MAP_18(f, a, ...) f(a), AW_MAP_17(f, __VA_ARGS__)
#define AW_MAP_19(f, a, ...) f(a), AW_MAP_18(f, __VA_ARGS__)
#define AW_MAP_20(f, a, ...) f(a), AW_MAP_19(f, __VA_ARGS__)
#define AW_MAP_21(f, a, ...) f(a), AW_MAP_20(f, __VA_ARGS__)
#define AW_MAP_22(f, a, ...) f(a), AW_MAP_21(f, __VA_ARGS__)
#define AW_MAP_23(f, a, ...) f(a), AW_MAP_22(f, __VA_ARGS__)
#define AW_MAP_24(f, a, ...) f(a), AW_MAP_23(f, __VA_ARGS__)
#define AW_MAP_25(f, a, ...) f(a), AW_MAP_24(f, __VA_ARGS__)
#define AW_MAP_26(f, a, ...) f(a), AW_MAP_25(f, __VA_ARGS__)
#define AW_MAP_27(f, a, ...) f(a), AW_MAP_26(f, __VA_ARGS__)
#define AW_MAP_28(f, a, ...) f(a), AW_MAP_27(f, __VA_ARGS__)
#define AW_MAP_29(f, a, ...) f(a), AW_MAP_28(f, __VA_ARGS__)
#define AW_MAP_30(f, a, ...) f(a), AW_MAP_29(f, __VA_ARGS__)
#define AW_MAP_31(f, a, ...) f(a), AW_MAP_30(f, __VA_ARGS__)
#define AW_MAP_32(f, a, ...) f(a), AW_MAP_31(f, __VA_ARGS__)
#define AW_MAP_33(f, a, ...) f(a), AW_MAP_32(f, __VA_ARGS__)
#define AW_MAP_34(f, a, ...) f(a), AW_MAP_33(f, __VA_ARGS__)
#define AW_MAP_35(f, a, ...) f(a), AW_MAP_34(f, __VA_ARGS__)
#define AW_MAP_36(f, a, ...) f(a), AW_MAP_35(f, __VA_ARGS__)
#define AW_MAP_37(f, a, ...) f(a), AW_MAP_36(f, __VA_ARGS__)
#define AW_MAP_38(f, a, ...) f(a), AW_MAP_37(f, __VA_ARGS__)
#define AW_MAP_39(f, a, ...) f(a), AW_MAP_38(f, __VA_ARGS__)
#define AW_MAP_40(f, a, ...) f(a), AW_MAP_39(f, __VA_ARGS__)
#define AW_MAP_41(f, a, ...) f(a), AW_MAP_40(f, __VA_ARGS__)
#define AW_MAP_42(f, a, ...) f(a), AW_MAP_41(f, __VA_ARGS__)
#define AW_MAP_43(f, a, ...) f(a), AW_MAP_42(f, __VA_ARGS__)
#define AW_MAP_44(f, a, ...) f(a), AW_MAP_43(f, __VA_ARGS__)
#define AW_MAP_45(f, a, ...) f(a), AW_MAP_44(f, __VA_ARGS__)
#define AW_MAP_46(f, a, ...) f(a), AW_MAP_45(f, __VA_ARGS__)
#define AW_MAP_47(f, a, ...) f(a), AW_MAP_46(f, __VA_ARGS__)
#define AW_MAP_48(f, a, ...) f(a), AW_MAP_47(f, __VA_ARGS__)
#define AW_MAP_49(f, a, ...) f(a), AW_MAP_48(f, __VA_ARGS__)
#define AW_MAP_50(f, a, ...) f(a), AW_MAP_49(f, __VA_ARGS__)
#define AW_MAP_51(f, a, ...) f(a), AW_MAP_50(f, __VA_ARGS__)
#define AW_MAP_52(f, a, ...) f(a), AW_MAP_51(f, __VA_ARGS__)
#define AW_MAP_53(f, a, ...) f(a), AW_MAP_52(f, __VA_ARGS__)
#define AW_MAP_54(f, a, ...) f(a), AW_MAP_53(f, __VA_ARGS__)
#define AW_MAP_55(f, a, ...) f(a), AW_MAP_54(f, __VA_ARGS__)
#define AW_MAP_56(f, a, ...) f(a), AW_MAP_55(f, __VA_ARGS__)
#define AW_MAP_57(f, a, ...) f(a), AW_MAP_56(f, __VA_ARGS__)
#define AW_MAP_58(f, a, ...) f(a), AW_MAP_57(f, __VA_ARGS__)
#define AW_MAP_59(f, a, ...) f(a), AW_MAP_58(f, __VA_ARGS__)
#define AW_MAP_60(f, a, ...) f(a), AW_MAP_59(f, __VA_ARGS__)
#define AW_MAP_61(f, a, ...) f(a), AW_MAP_60(f, __VA_ARGS__)
#define AW_MAP_62(f, a, ...) f(a), AW_MAP_61(f, __VA_ARGS__)
#define AW_MAP_63(f, a, ...) f(a), AW_MAP_62(f, __VA_ARGS__)
#define AW_MAP_64(f, a, ...) f(a), AW_MAP_63(f, __VA_ARGS__)

#endif

#endif
