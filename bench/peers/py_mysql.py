# SPDX-License-Identifier: MIT
"""Row mysql-point by aiomysql: a pool, used the way its manual shows.

aiomysql has no prepared statements: it writes the value into the text.
"""
import asyncio

import aiomysql

import dsn
import py_common

SQL = "SELECT id, name, balance FROM account WHERE id = %s"


async def client(pool, bench, ids):
    while bench.more():
        want = next(ids)
        async with pool.acquire() as conn:
            async with conn.cursor() as cursor:
                await cursor.execute(SQL, (want,))
                row = await cursor.fetchone()
        if row[0] != want or row[2] != py_common.balance(want):
            raise SystemExit("the row is not the one asked for")
        bench.done += 1


async def main(opt):
    n, ids = opt.connections, py_common.random_ids()
    async with aiomysql.create_pool(minsize=n, maxsize=n, autocommit=True,
                                    **dsn.mysql(opt.dsn)) as pool:
        bench = py_common.Bench(opt)
        await asyncio.gather(*[client(pool, bench, ids) for _ in range(n)])
        bench.report()


py_common.run(main)
