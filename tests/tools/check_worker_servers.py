# SPDX-License-Identifier: MIT
"""fetch_worker while its servers restart, are read only, are full, or refuse
a page: on servers of its own, since others are using the shared ones."""
import atexit
import contextlib
import os
import shlex
import tempfile
from pathlib import Path

from fake_site import FakeSite
from worker import (SERVERS, SRC, Databases, Worker, check, crawl, equal,
                    expected, main, make_site, mysql, parse_env, pg, run, same,
                    until)

PAGES = 110
SLOW_PAGES = 160        # for each of two crawls, 20 a second in all
tmp = tempfile.TemporaryDirectory(prefix="await-faults.")
TOP = Path(tmp.name)
TOP.chmod(0o755)                # the servers run as other users
FULL = TOP / "full"
FULL.mkdir(mode=0o755)
DIR = TOP / "servers"
make_site(TOP / "site", PAGES, 20000)     # InnoDB grows in steps of 1 MiB


PRELOAD = {"LD_PRELOAD": str(TOP / "enospc.so"), "AWAIT_ENOSPC": str(FULL),
           "AWAIT_SERVERS_OWNER": str(os.getpid())}


def start():
    run(*shlex.split(os.environ.get("CC", "cc")), "-shared", "-fPIC", "-o",
        PRELOAD["LD_PRELOAD"], SRC / "tests/support/enospc.c")
    atexit.register(run, SERVERS, "stop", DIR)
    run(SERVERS, "start", DIR, env=PRELOAD)
    env = parse_env((DIR / "env").read_text())
    make_site(Path(env["AWAIT_TEST_WWW"]) / "site", SLOW_PAGES)
    return env


# --- restarts ----------------------------------------------------------------

RESTARTS = (("nginx",), ("--abrupt", "mysql"), ("pg",), ("mysql",),
            ("--abrupt", "nginx"), ("--abrupt", "pg"))


def ended(db):
    return pg(db.queue, "SELECT to_regclass('job')") != [[""]] and int(
        db.jobs().get("done", 0))


def crawl_and_restart(left):
    """Two crawls, and restarts until there are none left or a crawl is over:
    on a slow machine one restart takes longer than many pages."""
    seed = ENV["AWAIT_TEST_HTTP_SLOW"] + "/site/index.html"
    args = ("--seed", seed, "--follow", "--drain", "--concurrency", 8,
            "--lease", 3)
    stores = Databases("pg", DIR), Databases("mysql", DIR)
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(db, *args)) for db in stores]
        for n in range(len(left)):
            for db in stores:
                until(f"page {n * 8 + 8}", lambda: ended(db) >= n * 8 + 8)
            if any(ended(db) == SLOW_PAGES for db in stores):
                break
            run(SERVERS, "restart", DIR, *left.pop(0), env=PRELOAD)
        for worker, db in zip(workers, stores):
            worker.ends_well()
            same(db, expected(Path(ENV["AWAIT_TEST_WWW"]), seed))
            equal(db.jobs(), {"done": str(SLOW_PAGES)}, "jobs")
        return [worker.errors() for worker in workers]


def restarts():
    """every server restarts, killed or not, while two workers crawl to
    PostgreSQL and to MariaDB: they report, wait, heal and finish"""
    left, said = list(RESTARTS), ["", ""]
    for _ in RESTARTS:
        if left:
            more = crawl_and_restart(left)
            said = [a + b for a, b in zip(said, more)]
    check(not left, "no crawl was long enough for", left)
    for text in said:
        check("trying again" in text, "it reports nothing")


# --- a store that cannot be written ------------------------------------------

def done(db):
    return {job[0] for job in pg(
        db.queue, "SELECT url FROM job WHERE state = 'done'")}


def nothing_false(db, marked):
    """What was marked as done is stored; nothing has failed."""
    lost = marked - {page[0] for page in db.stored()}
    check(not lost, "done and not stored:", list(lost)[:3])
    check("failed" not in db.jobs(), db.jobs())
    equal(db.count("error IS NOT NULL"), 0, "rows with an error")


def away_and_back(kind, off, on, word):
    """off() makes the store refuse everything in the middle of a crawl: the
    site holds most of its pages back until that has happened."""
    with FakeSite(TOP / "site", hold=20) as site:
        db = Databases(kind, DIR)
        db.queue = Databases("pg").queue        # which is on another disk
        with Worker(db, "--seed", site.url + "/index.html", "--follow",
                    "--drain", "--concurrency", 8) as worker:
            until("some pages", lambda: ended(db) >= 10)
            off(db)
            site.go_on()
            try:
                until(word, lambda: word in worker.errors())
                until("a page that went back", lambda: pg(
                    db.queue, "SELECT 1 FROM job WHERE state = 'ready' "
                    "AND attempts > 0"))
                check(worker.process.poll() is None, "the worker gave up")
                marked = done(db)
                check(len(marked) < PAGES, "it was over before")
            finally:
                on(db)
            nothing_false(db, marked)
            worker.ends_well()
            same(db, expected(TOP / "site", site.url + "/index.html"))
            equal(db.jobs(), {"done": str(PAGES)}, "jobs")
            equal(pg(db.queue, "SELECT max(failures) FROM job"), [["0"]],
                  "the pages' failures")


def set_read_only(db, value):
    pg(ENV["AWAIT_TEST_PG"], f"ALTER DATABASE {db.name} SET "
       f"default_transaction_read_only = {value}")
    pg(ENV["AWAIT_TEST_PG"], "SELECT pg_terminate_backend(pid) FROM "
       f"pg_stat_activity WHERE datname = '{db.name}'")


def read_only():
    """a store that is read only: pages go back until it can be written"""
    away_and_back("pg", lambda db: set_read_only(db, "on"),
                  lambda db: set_read_only(db, "off"), "read-only")


def full_pg():
    """PostgreSQL out of space: pages go back, nothing false is marked"""
    away_and_back("pg", lambda db: (FULL / "pg").touch(),
                  lambda db: (FULL / "pg").unlink(), "No space left")


def space_again(db):
    (FULL / "mysql").unlink()
    run(SERVERS, "up", DIR, "mysql", env=PRELOAD)


def full_mysql():
    """MariaDB out of space, of which it may die: pages go back, nothing false
    is marked"""
    away_and_back("mysql", lambda db: (FULL / "mysql").touch(), space_again,
                  "storing a page")


def revoked():
    """a privilege that is taken away ends the worker, and its jobs go back"""
    role = "worker_role"
    with FakeSite(TOP / "site", hold=20) as site:
        db = Databases("pg", DIR)
        crawl(db)
        pg(db.store, f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT, "
           f"INSERT, UPDATE ON page TO {role}")
        dsn = db.store.replace("await@", role + "@")
        with Worker(db, "--seed", site.url + "/index.html", "--follow",
                    store=dsn) as worker:
            until("some pages", lambda: ended(db) >= 5)
            pg(db.store, f"REVOKE INSERT ON page FROM {role}")
            site.go_on()
            equal(worker.wait(), 1, "exit status")
            check("--store" in worker.errors() and "grant" in worker.errors(),
                  worker.errors())
        check("leased" not in db.jobs(), db.jobs())
        nothing_false(db, done(db))


def too_large():
    """a body above max_allowed_packet is a failed row, smaller ones are not"""
    with FakeSite() as site:
        db = Databases("mysql", DIR)
        crawl(db)
        mysql(db.store, "SET GLOBAL max_allowed_packet = 1048576")
        try:
            summary = crawl(db, "--seed", site.url + "/size/1500000",
                            "--seed", site.url + "/size/20000000", "--seed",
                            site.url + "/size/1000000")
        finally:
            mysql(db.store, "SET GLOBAL max_allowed_packet = 16777216")
        equal((summary["stored"], summary["failed"]), (1, 2), "stored, failed")
        for size in 1500000, 20000000:
            url = f"{site.url}/size/{size}"
            check("max_allowed_packet" in db.errors().get(url, ""), url,
                  db.errors())
            equal(db.page(url, "status, body IS NULL, bytes IS NULL"),
                  ["200", "1", "1"], url)
            equal(db.job(url), ["failed"], url)


ENV = start()
main(restarts, full_pg, full_mysql, together=(read_only, revoked, too_large))
