# SPDX-License-Identifier: MIT
"""Row files: small files, --tasks of them at once, by aiofiles."""
import asyncio

import aiofiles

import py_common

FILES = 100000


async def reads(opt, bench):
    while bench.more():
        i = (bench.started - 1) % FILES
        name = f"{opt.path}/{i // 1000:03d}/{i % 1000:03d}"
        async with aiofiles.open(name, "rb") as file:
            data = await file.read()
        if len(data) != opt.size or data[:8] != b"%08d" % i:
            raise SystemExit(f"{name}: not what it was")
        bench.done += 1


async def main(opt):
    bench = py_common.Bench(opt)
    await asyncio.gather(*(reads(opt, bench) for _ in range(opt.tasks)))
    bench.report()


py_common.run(main)
