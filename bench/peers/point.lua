-- SPDX-License-Identifier: MIT
-- The point SELECT of row mysql-point as a sysbench script: one prepared
-- statement per connection, random ids, the row read to its end.

function thread_init()
	con = sysbench.sql.driver():connect()
	statement = con:prepare("SELECT id, name, balance FROM account WHERE id = ?")
	id = statement:bind_create(sysbench.sql.type.INT)
	statement:bind_param(id)
end

function thread_done()
	statement:close()
	con:disconnect()
end

function event()
	id:set(sysbench.rand.uniform(1, 10000))
	statement:execute()
end
