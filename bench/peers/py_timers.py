# SPDX-License-Identifier: MIT
"""Row timers: armed in one go, due within a millisecond, called back."""
import asyncio

import py_common


async def round_of_timers(loop, n):
    fired = asyncio.Event()
    left = n

    def fire():
        nonlocal left
        left -= 1
        if left == 0:
            fired.set()

    random_ids = py_common.random_ids()
    for _ in range(n):
        loop.call_later(next(random_ids) * 1e-7, fire)
    await fired.wait()


async def main(opt):
    loop = asyncio.get_running_loop()
    bench = py_common.Bench(opt)
    while bench.round(opt.tasks):
        await round_of_timers(loop, opt.tasks)
        bench.done += opt.tasks
    bench.report()


py_common.run(main)
