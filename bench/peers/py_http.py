# SPDX-License-Identifier: MIT
"""Row http-get by aiohttp: one session, --tasks requests in flight."""
import asyncio

import aiohttp

import py_common


async def client(session, bench):
    opt = bench.opt
    while bench.more():
        async with session.get(opt.url) as response:
            body = await response.read()
        if response.status != 200 or len(body) != opt.size:
            raise SystemExit("not the status and size expected")
        bench.done += 1


async def main(opt):
    connector = aiohttp.TCPConnector(limit=opt.tasks)
    async with aiohttp.ClientSession(connector=connector) as session:
        bench = py_common.Bench(opt)
        await asyncio.gather(*[client(session, bench)
                               for _ in range(opt.tasks)])
        bench.report()


py_common.run(main)
