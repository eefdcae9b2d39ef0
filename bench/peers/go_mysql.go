// SPDX-License-Identifier: MIT

// Row mysql-point by go-sql-driver: database/sql, one prepared statement.
package main

import (
	"database/sql"
	"flag"
	neturl "net/url"

	_ "github.com/go-sql-driver/mysql"
)

// driverDSN turns mysql://user:password@host:port/db?unix_socket=/path into
// user:password@unix(/path)/db.
func driverDSN(text string) string {
	u, err := neturl.Parse(text)
	if err != nil {
		fail(err)
	}
	address := "tcp(" + u.Host + ")"
	for _, key := range []string{"unix_socket", "socket"} {
		if path := u.Query().Get(key); path != "" {
			address = "unix(" + path + ")"
		}
	}
	password, _ := u.User.Password()
	return u.User.Username() + ":" + password + "@" + address + u.Path
}

func main() {
	flag.Parse()
	db, err := sql.Open("mysql", driverDSN(*dsn))
	if err != nil {
		fail(err)
	}
	db.SetMaxOpenConns(*connections)
	db.SetMaxIdleConns(*connections)
	point, err := db.Prepare(
		"SELECT id, name, balance FROM account WHERE id = ?")
	if err != nil {
		fail(err)
	}
	clients(*connections, func(next func() int) {
		var id int
		var name string
		var amount int64
		want := next()
		if err := point.QueryRow(want).Scan(&id, &name, &amount); err != nil {
			fail(err)
		}
		if id != want || amount != balance(want) {
			fail("the row is not the one asked for")
		}
	})
}
