# SPDX-License-Identifier: MIT
"""fetch_worker is killed twenty times in one crawl and started again each
time: nothing is lost, nothing is stored twice.

A kill counts only if it hit work: the worker is stopped first, so that the
queue can be asked whether it holds a lease while at least a hundred pages are
unfinished. The site is nginx's, which lets 20 requests a second through for
each folder, so that a crawl lasts half a minute or more. Two run at the
same time, one for each store. nginx's log tells which pages were asked for
twice.

AWAIT_WORKER_KILLS sets how many kills there are, AWAIT_WORKER_PAGES how large
the site is.
"""
import collections
import os
import random
import shutil
import signal
import time
from pathlib import Path

from worker import Databases, Worker, check, equal, expected, main, \
    make_site, pg, same

KILLS = int(os.environ.get("AWAIT_WORKER_KILLS", 20))
PAGES = int(os.environ.get("AWAIT_WORKER_PAGES", 500))
CONCURRENCY = 16
WWW = Path(os.environ["AWAIT_TEST_WWW"])
LOG = Path(os.environ["AWAIT_TEST_HTTP_LOG"])
SITE = os.environ["AWAIT_TEST_HTTP_SLOW"]


def state(db, worker):
    """Leases of this worker, pages unfinished; what a stopped one left."""
    if pg(db.queue, "SELECT to_regclass('job')") == [[""]]:
        return 0, 0
    return map(int, pg(
        db.queue, "SELECT count(*) FILTER (WHERE state = 'leased' AND "
        f"owner LIKE '%-{worker.process.pid}-%'), count(*) FILTER (WHERE "
        "state IN ('ready', 'leased')) FROM job")[0])


def kill_at_work(db, worker, draw):
    """True if it was killed; False if it has ended before."""
    while worker.process.poll() is None:
        time.sleep(draw.uniform(0.05, 0.6))      # anywhere in its work
        worker.send(signal.SIGSTOP)
        leases, unfinished = state(db, worker)
        if leases > 0 and unfinished >= 100:
            worker.kill()
            return True
        worker.send(signal.SIGCONT)
    return False


def stored_but_leased(db):
    """Pages that a kill hit between being stored and being ended."""
    open_jobs = {job[0] for job in pg(
        db.queue, "SELECT url FROM job WHERE state = 'leased'")}
    return len(open_jobs & {page[0] for page in db.stored()})


def asked(folder):
    """How often nginx was asked for each page, answered or not."""
    lines = (line.split('"', 2)[1].split()
             for line in LOG.read_text().splitlines())
    return collections.Counter(words[1] for words in lines if len(words) > 1
                               and words[1].startswith(f"/{folder}/"))


def crawl_and_kill(kind, seed, folder):
    draw = random.Random(seed)
    url = f"{SITE}/{folder}/index.html"
    db = Databases(kind)
    args = ("--seed", url, "--follow", "--drain", "--concurrency",
            CONCURRENCY, "--lease", 1.5, "--retries", 0)
    between = 0
    for kill in range(KILLS):
        with Worker(db, *args) as worker:
            check(kill_at_work(db, worker, draw), "kill", kill + 1,
                  "came too late: status", worker.process.returncode,
                  db.jobs(), worker.errors()[-300:])
        if kill < KILLS - 1 and kill % 4 == 0:
            between += stored_but_leased(db)
    with Worker(db, *args) as worker:
        worker.ends_well()
    same(db, expected(WWW, url))
    equal(db.jobs(), {"done": str(PAGES)}, "jobs")
    twice = sum(n > 1 for n in asked(folder).values())
    print(f"# {KILLS} kills, seed {seed}: {twice} of {PAGES} pages were "
          f"fetched again, {between} seen stored and not ended")
    check(twice >= KILLS, "the kills hit no work:", twice)


def killed(kind, seed):
    folder = f"kill-{os.getpid()}-{kind}"
    try:
        make_site(WWW / folder, PAGES)
        crawl_and_kill(kind, seed, folder)
    finally:
        shutil.rmtree(WWW / folder, ignore_errors=True)


def to_pg():
    """twenty kills of a worker that stores to PostgreSQL lose nothing"""
    killed("pg", int(time.time()))


def to_mysql():
    """twenty kills of a worker that stores to MariaDB lose nothing"""
    killed("mysql", int(time.time()) + 1)


main(together=(to_pg, to_mysql))
