# SPDX-License-Identifier: MIT
"""Row lock: a lock that nobody else wants is acquired and released."""
import asyncio

import py_common


async def main(opt):
    lock = asyncio.Lock()
    bench = py_common.Bench(opt)
    while bench.more():
        async with lock:
            bench.done += 1
    bench.report()


py_common.run(main)
