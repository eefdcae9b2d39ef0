# SPDX-License-Identifier: MIT
"""Rows worker-*: one crawl of the manual, checked byte for byte.

The number is pages per second of user and system time of the worker process:
elapsed time would measure the three servers that share its processors.
"""
import json
import subprocess
import sys

from servers import TOP, ServerError

CONCURRENCY = 64
FOUND = "SELECT url, sha256, bytes FROM page WHERE error IS NULL ORDER BY url"
# The sums again by the server, from the bodies that it holds.
RECOUNT_PG = ("SELECT url, encode(sha256(body), 'hex'), octet_length(body) "
              "FROM page WHERE error IS NULL ORDER BY url")
RECOUNT_MYSQL = ("SELECT url, sha2(body, 256), length(body) "
                 "FROM page WHERE error IS NULL ORDER BY url")


def expected(bench, seed):
    """What a crawl must store, read from the files: kept for the run."""
    if seed not in bench.kept:
        bench.kept[seed] = sorted(subprocess.run(
            [sys.executable, str(TOP / "tests/support/crawl.py"),
             str(bench.servers.www), seed],
            capture_output=True, text=True, check=True).stdout.splitlines())
    return bench.kept[seed]


def check(bench, store, seed):
    """Every page once, each byte: by its own sum and by the server's."""
    servers, pg = bench.servers, store.startswith("postgres")
    ask = servers.psql if pg else servers.mariadb
    for sql in (FOUND, RECOUNT_PG if pg else RECOUNT_MYSQL):
        stored = sorted(ask(store, sql + ";\n").splitlines())
        want = expected(bench, seed)
        if stored != want:
            wrong = sorted(set(stored) ^ set(want))
            raise ServerError(f"{len(wrong)} pages missing, superfluous or "
                              f"different, such as {wrong[:1]}")


def result(text):
    """The worker's last line; an operation is a page stored."""
    last = json.loads(text.strip().split("\n")[-1])
    return {"ops": last["stored"], "seconds": last["seconds"]}


def run(bench, contender):
    seed = bench.servers.manual()
    pg, mysql = bench.servers.databases()
    store = pg if contender.option == "pg" else mysql
    command = bench.command(contender) + [
        "--queue", pg, "--store", store, "--seed", seed,
        "--concurrency", str(CONCURRENCY)]
    if contender.kind == "build":
        command += ["--follow", "--drain"]
    sample = bench.metered(contender, command, result)
    check(bench, store, seed)
    sample.value = sample.ops / sample.cpu
    return sample
