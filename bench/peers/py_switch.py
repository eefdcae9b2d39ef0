# SPDX-License-Identifier: MIT
"""Row switch: tasks that only give way to each other; one turn is one op."""
import asyncio

import py_common


async def turn(bench):
    while bench.more():
        await asyncio.sleep(0)
        bench.done += 1


async def main(opt):
    bench = py_common.Bench(opt)
    await asyncio.gather(*[turn(bench) for _ in range(opt.tasks)])
    bench.report()


py_common.run(main)
