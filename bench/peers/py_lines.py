# SPDX-License-Identifier: MIT
"""Row lines: the lines of a log, by aiofiles."""
import time

import aiofiles

import py_common


async def main(opt):
    bench = py_common.Bench(opt)
    while time.monotonic() < bench.end:
        async with aiofiles.open(opt.path, "rb") as file:
            async for line in file:
                if len(line) != 100:
                    raise SystemExit("a line of another length")
                bench.done += 1
                if bench.done % 64 == 0 and time.monotonic() >= bench.end:
                    break
    bench.report()


py_common.run(main)
