/* SPDX-License-Identifier: MIT */
/*
 * MariaDB and MySQL: parameters, rows, one row, a transaction.
 *
 *	cc 05_mariadb.c $(pkg-config --cflags --libs await-mysql)
 *	./a.out mysql://user:password@localhost/mydb
 *
 * Prints
 *	apple: 3
 *	pear: 5
 *	8 pieces of fruit
 */
#include <await/await.h>
#include <await/mysql.h>

#include <stdio.h>

static int
fill(struct aw_conn *conn, void *arg)
{
	(void)arg;
	AW_TRY(aw_db_exec(conn, NULL, "DROP TABLE IF EXISTS example_fruit"));
	AW_TRY(aw_db_exec(conn, NULL, "CREATE TABLE example_fruit "
			  "(name varchar(40) PRIMARY KEY, "
			  "pieces int NOT NULL)"));
	AW_TRY(aw_db_exec(conn, NULL, "INSERT INTO example_fruit "
			  "VALUES (?, ?)", "apple", 3));
	return aw_db_exec(conn, NULL, "INSERT INTO example_fruit "
			  "VALUES (?, ?)", "pear", 5);
}

static int
app(void *arg)
{
	AW_AUTO(aw_db, db);
	AW_AUTO(aw_rows, rows);
	long long sum;
	const char *name;
	int pieces, r;

	AW_TRY(aw_mysql_open(&db, (const char *)arg, .max = 4));
	AW_TRY(aw_db_transact(db, fill, NULL));
	AW_TRY(aw_db_query(db, &rows, "SELECT name, pieces "
			   "FROM example_fruit WHERE pieces > ? "
			   "ORDER BY name", 1));
	while ((r = aw_rows_next(rows, &name, &pieces)) > 0)
		printf("%s: %d\n", name, pieces);
	if (r < 0)
		return r;
	AW_TRY(aw_db_one(db, AW_INTO(&sum),
			 "SELECT sum(pieces) FROM example_fruit"));
	printf("%lld pieces of fruit\n", sum);
	return aw_db_exec(db, NULL, "DROP TABLE example_fruit");
}

int
main(int argc, char **argv)
{
	return aw_main(app, argc > 1 ? argv[1] : "");
}
