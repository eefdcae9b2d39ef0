# SPDX-License-Identifier: MIT
"""Row park: tasks wait for one event; it is set and they are joined."""
import asyncio

import py_common


class Round:
    """Tasks that wait for one event."""

    def __init__(self):
        self.event = asyncio.Event()
        self.parked = 0
        self.woken = 0

    async def park(self):
        self.parked += 1
        await self.event.wait()
        self.woken += 1


async def main(opt):
    create = asyncio.get_running_loop().create_task
    bench = py_common.Bench(opt)
    while bench.round(opt.tasks):
        now = Round()
        tasks = [create(now.park()) for _ in range(opt.tasks)]
        while now.parked < opt.tasks:
            await asyncio.sleep(0)
        now.event.set()
        await asyncio.gather(*tasks)
        if now.woken != opt.tasks:
            raise SystemExit("not every task was woken")
        bench.done += opt.tasks
    bench.report()


py_common.run(main)
