# SPDX-License-Identifier: MIT
"""Row pg-point by asyncpg: a pool, used the way its manual shows."""
import asyncio

import asyncpg

import py_common

SQL = "SELECT id, name, balance FROM account WHERE id = $1"


async def client(pool, bench, ids):
    while bench.more():
        want = next(ids)
        row = await pool.fetchrow(SQL, want)
        if row["id"] != want or row["balance"] != py_common.balance(want):
            raise SystemExit("the row is not the one asked for")
        bench.done += 1


async def main(opt):
    n, ids = opt.connections, py_common.random_ids()
    async with asyncpg.create_pool(opt.dsn, min_size=n, max_size=n) as pool:
        await asyncio.gather(*[pool.fetchrow(SQL, 1) for _ in range(n)])
        bench = py_common.Bench(opt)
        await asyncio.gather(*[client(pool, bench, ids) for _ in range(n)])
        bench.report()


py_common.run(main)
