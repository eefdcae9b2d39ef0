# SPDX-License-Identifier: MIT
"""Row queue: one task puts numbers, another gets them, through 64 places."""
import asyncio

import py_common


async def produce(queue, bench):
    while bench.more():
        await queue.put(bench.started)
    await queue.put(0)


async def consume(queue, bench):
    while True:
        item = await queue.get()
        if item == 0:
            return
        if item != bench.done + 1:
            raise SystemExit("an item out of order")
        bench.done += 1


async def main(opt):
    queue = asyncio.Queue(64)
    bench = py_common.Bench(opt)
    await asyncio.gather(produce(queue, bench), consume(queue, bench))
    bench.report()


py_common.run(main)
