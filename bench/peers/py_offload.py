# SPDX-License-Identifier: MIT
"""Row offload: a call in a helper thread and back, one after the other."""
import asyncio

import py_common


async def main(opt):
    loop = asyncio.get_running_loop()
    bench = py_common.Bench(opt)

    def add_one():
        bench.done += 1

    while bench.more():
        await loop.run_in_executor(None, add_one)
    if bench.done != bench.started:
        raise SystemExit("a call was lost")
    bench.report()


py_common.run(main)
