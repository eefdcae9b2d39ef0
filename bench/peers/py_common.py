# SPDX-License-Identifier: MIT
"""What the Python peers share: the command line and result of bench/common.h."""
import argparse
import asyncio
import contextlib
import json
import time

import uvloop

ROWS = 10000
SEED = 2463534242


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--ops", type=int, default=0)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--dsn")
    parser.add_argument("--url")
    parser.add_argument("--path")
    parser.add_argument("--size", type=int, default=1024)
    return parser.parse_args()


class Bench:
    """A measurement in progress: more() counts an operation about to begin."""

    def __init__(self, opt):
        self.opt = opt
        self.started = 0
        self.done = 0
        self.begin = time.monotonic()
        self.end = self.begin + opt.seconds

    def more(self):
        if self.opt.ops:
            if self.started >= self.opt.ops:
                return False
        elif self.started % 64 == 0 and time.monotonic() >= self.end:
            return False
        self.started += 1
        return True

    def round(self, n):
        """The same for n operations that belong together."""
        if self.opt.ops:
            if self.started >= self.opt.ops:
                return False
        elif self.started > 0 and time.monotonic() >= self.end:
            return False
        self.started += n
        return True

    @contextlib.contextmanager
    def pause(self):
        """What happens inside is outside the measured time."""
        paused = time.monotonic()
        yield
        self.begin += time.monotonic() - paused

    def report(self):
        seconds = time.monotonic() - self.begin
        print(json.dumps({"ops": self.done, "seconds": round(seconds, 6)}))


def random_ids(seed=SEED):
    """The ids of bench_random_id() in common.h."""
    x = seed
    while True:
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        yield x % ROWS + 1


def balance(i):
    return i * 1000003 % 1000000007


def run(main):
    uvloop.install()
    asyncio.run(main(options()))
