# SPDX-License-Identifier: MIT
"""Row spawn: create a task that does nothing and wait for it, one at a time."""
import asyncio

import py_common


async def nothing():
    return 0


async def main(opt):
    bench = py_common.Bench(opt)
    create = asyncio.get_running_loop().create_task
    while bench.more():
        if await create(nothing()) != 0:
            raise SystemExit("a task returned something else")
        bench.done += 1
    bench.report()


py_common.run(main)
