// SPDX-License-Identifier: MIT

// Row pg-point by pgx: pgxpool, statements prepared and cached by it.
package main

import (
	"context"
	"flag"

	"github.com/jackc/pgx/v4/pgxpool"
)

func main() {
	flag.Parse()
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(*dsn)
	if err != nil {
		fail(err)
	}
	config.MinConns = int32(*connections)
	config.MaxConns = int32(*connections)
	pool, err := pgxpool.ConnectConfig(ctx, config)
	if err != nil {
		fail(err)
	}
	clients(*connections, func(next func() int) {
		var id int
		var name string
		var amount int64
		want := next()
		row := pool.QueryRow(ctx,
			"SELECT id, name, balance FROM account WHERE id = $1", want)
		if err := row.Scan(&id, &name, &amount); err != nil {
			fail(err)
		}
		if id != want || amount != balance(want) {
			fail("the row is not the one asked for")
		}
	})
}
