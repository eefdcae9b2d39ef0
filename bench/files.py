# SPDX-License-Identifier: MIT
"""Rows lines and files: their data, made once in a run and removed with its
scratch folder, and read once so that it is in the page cache."""
import json
import shutil
import subprocess
import time

from measure import Failure

LINE = 100
LOG = 1_000_000_000
FILES = 100_000
SIZE = 1024
WC_PASSES = 5


def room(bench, size):
    if shutil.disk_usage(bench.scratch).free < 2 * size:
        raise Failure(f"needs {2 * size >> 20} MiB free for its data")


def log(bench):
    path = bench.scratch / "log"
    if "log" not in bench.kept:
        room(bench, LOG)
        block = (b"x" * (LINE - 1) + b"\n") * 10_000
        with open(path, "wb") as file:
            for _ in range(LOG // len(block)):
                file.write(block)
        subprocess.run(["cat", str(path)], stdout=subprocess.DEVNULL,
                       check=True)
        bench.kept["log"] = path
    return path


def many(bench):
    folder = bench.scratch / "files"
    if "files" not in bench.kept:
        room(bench, FILES * 8192)
        for i in range(FILES):
            name = folder / f"{i // 1000:03d}" / f"{i % 1000:03d}"
            if i % 1000 == 0:
                name.parent.mkdir(parents=True)
            name.write_bytes(b"%08d" % i + b"x" * (SIZE - 8))
        subprocess.run(["sync"], check=True)
        bench.kept["files"] = folder
    return folder


def run(bench, contender, path, *args):
    return bench.metered(
        contender, [*bench.command(contender), "--seconds",
                    str(bench.seconds), "--path", str(path), *args],
        json.loads)


def lines(bench, contender):
    return run(bench, contender, log(bench), "--size", str(LOG))


def wc(bench, contender):
    """Several passes, beside which its start is nothing."""
    path, begin = str(log(bench)), time.monotonic()

    def parse(text):
        return {"ops": int(text.split()[0]) * WC_PASSES,
                "seconds": time.monotonic() - begin}
    return bench.metered(contender, ["wc", "-l", *[path] * WC_PASSES], parse)


def files(bench, contender):
    return run(bench, contender, many(bench), "--tasks", "64", "--size",
               str(SIZE))
