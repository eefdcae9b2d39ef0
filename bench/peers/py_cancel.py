# SPDX-License-Identifier: MIT
"""Row cancel: tasks that sleep are cancelled and waited for."""
import asyncio

import py_common


async def main(opt):
    create = asyncio.get_running_loop().create_task
    bench = py_common.Bench(opt)
    while bench.round(opt.tasks):
        with bench.pause():
            random_ids = py_common.random_ids()
            tasks = [create(asyncio.sleep(3600 + next(random_ids) * 1e-3))
                     for _ in range(opt.tasks)]
            await asyncio.sleep(0.001)      # they all sleep now
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        if not all(isinstance(e, asyncio.CancelledError) for e in ends):
            raise SystemExit("not every sleeper was cancelled")
        bench.done += opt.tasks
    bench.report()


py_common.run(main)
