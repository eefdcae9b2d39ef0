# SPDX-License-Identifier: MIT
"""What the tests of fetch_worker share: cases in TAP, databases, processes.

A case is a function whose docstring is its name. Cases of one program run
one after the other, or all at once where they mostly wait (together()).
"""
import concurrent.futures
import contextlib
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from urllib.parse import unquote, urlsplit, parse_qs

SRC = Path(os.environ["AWAIT_SRCDIR"])
BUILD = Path(os.environ["AWAIT_BUILDDIR"])
SERVERS = SRC / "tests/support/servers"
MOST_SECONDS = 200      # a busy machine is slow, not broken
serial = itertools.count(1)


# --- cases -------------------------------------------------------------------

class Failure(Exception):
    pass


def check(truth, *what):
    if not truth:
        raise Failure(" ".join(map(str, what)))


def equal(got, want, what=""):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


def run_case(case):
    """What is wrong, or None; and how long it took, for those who look."""
    begin, wrong = time.monotonic(), None
    try:
        case()
    except Failure as error:
        wrong = str(error)
    except Exception:               # whatever it is, it is a "not ok"
        wrong = traceback.format_exc()
    return wrong, time.monotonic() - begin


def tell(n, case, result):
    wrong, seconds = result
    print("ok" if wrong is None else "not ok", n, "-",
          " ".join(case.__doc__.split()))
    print(f"# {seconds:.1f} s")
    for line in (wrong or "").strip().splitlines():
        print("#", line)
    sys.stdout.flush()
    return wrong is None


def main(*cases, together=()):
    """Run the cases, print TAP; those of together all at once."""
    print(f"1..{len(cases) + len(together)}", flush=True)
    results = [tell(n, case, run_case(case))
               for n, case in enumerate(cases, 1)]
    with concurrent.futures.ThreadPoolExecutor(len(together) or 1) as pool:
        results += [tell(n, case, result) for n, (case, result) in enumerate(
            zip(together, pool.map(run_case, together)), len(cases) + 1)]
    sys.exit(0 if all(results) else 1)


def until(what, condition, seconds=MOST_SECONDS):
    """Ask again until it is true: SQL has no other way to be waited for."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, "never happened:", what)
        time.sleep(0.05)


# --- databases ---------------------------------------------------------------

def run(*command, env=None):
    done = subprocess.run([str(word) for word in command], text=True,
                          capture_output=True, env={**os.environ,
                                                    **(env or {})})
    if done.returncode:
        raise Failure(f"{command[0]}: {done.stderr or done.stdout}")
    return done.stdout


def parse_env(text):
    pairs = (line.removeprefix("export ").split("=", 1)
             for line in text.splitlines() if "=" in line)
    return {name: value.strip("'") for name, value in pairs}


def rows(text):
    return [line.split("\t") for line in text.splitlines()]


def pg(dsn, sql):
    return rows(run("psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v",
                    "ON_ERROR_STOP=1", "-d", dsn, "-c", sql))


def mysql(dsn, sql):
    url = urlsplit(dsn)
    query = parse_qs(url.query)
    where = (["-S", query["unix_socket"][0]] if "unix_socket" in query
             else ["-h", url.hostname, "-P", url.port])
    return rows(run("mariadb", "--no-defaults", "-u", url.username, *where,
                    "-N", "-B", "-e", sql, url.path[1:],
                    env={"MYSQL_PWD": url.password}))


def ask(dsn, sql):
    return (mysql if dsn.startswith("mysql:") else pg)(dsn, sql)


class Databases:
    """A fresh queue and a fresh store, of the servers in a folder."""

    def __init__(self, kind, folder=None):
        folder = folder or os.environ["AWAIT_SERVERS_DIR"]
        name = f"w{os.getpid()}_{next(serial)}"
        env = parse_env(run(SERVERS, "createdb", folder, name))
        self.queue = self.pg = env["AWAIT_TEST_PG"]
        self.tcp = env["AWAIT_TEST_PG_TCP"]
        self.mysql = env.get("AWAIT_TEST_MYSQL")
        self.store = self.mysql if kind == "mysql" else self.pg
        self.name = name

    def jobs(self):
        return dict(pg(self.queue, "SELECT state, count(*) FROM job "
                       "GROUP BY state"))

    def job(self, url, columns="state"):
        found = pg(self.queue, f"SELECT {columns} FROM job "
                   f"WHERE url = '{url}'")
        return found[0] if found else None

    def count(self, where="1 = 1"):
        return int(ask(self.store, "SELECT count(*) FROM page WHERE " +
                       where)[0][0])

    def errors(self):
        return dict(ask(self.store, "SELECT url, error FROM page "
                        "WHERE error IS NOT NULL"))

    def page(self, url, columns):
        found = ask(self.store,
                    f"SELECT {columns} FROM page WHERE url = '{url}'")
        return found[0] if found else None

    def stored(self):
        """URL, SHA-256 and size, from the bodies that the server holds."""
        sha = ("sha2(body, 256)" if self.store is self.mysql
               else "encode(sha256(body), 'hex')")
        return sorted(map(tuple, ask(
            self.store, f"SELECT url, {sha}, octet_length(body) FROM page "
            f"WHERE error IS NULL AND sha256 = {sha} "
            "AND bytes = octet_length(body)")))


# --- workers -----------------------------------------------------------------

def program():
    real = BUILD / ".libs" / "fetch_worker"
    return real if real.exists() else BUILD / "fetch_worker"


class Worker:
    def __init__(self, db, *args, queue=None, store=None, err=None):
        self.out = tempfile.TemporaryFile("w+")
        self.err = err or tempfile.TemporaryFile("w+")
        env = {**os.environ, "LD_LIBRARY_PATH": str(BUILD / ".libs")}
        words = [program(), "--queue", queue or db.queue,
                 "--store", store or db.store, *args]
        self.process = subprocess.Popen(
            [str(word) for word in words], stdout=self.out, stderr=self.err,
            stdin=subprocess.DEVNULL, env=env)

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=MOST_SECONDS):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"the worker did not end: {self.errors()[-500:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def text(self, file):
        file.flush()
        # The worker shares the offset of the file, which must not move.
        return os.pread(file.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def errors(self):
        return self.text(self.err)

    def summary(self):
        return json.loads(self.text(self.out).splitlines()[-1])

    def ends_well(self):
        status = self.wait()
        check(status == 0, "exit status", status, self.errors()[-1000:])
        return self.summary()

    def __enter__(self):
        return self

    def __exit__(self, *wrong):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.send(signal.SIGCONT)
            self.kill()
        self.out.close()
        self.err.close()


def crawl(db, *args):
    with Worker(db, *args, "--drain") as worker:
        return worker.ends_well()


# --- sites -------------------------------------------------------------------

def make_site(folder, n, size=600):
    """n pages that do not compress; all are reached from the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        to = {0, (i + 1) % n} | {(i * 7 + k * k * 31 + 1) % n
                                 for k in range(1, 4)}
        links = "".join(f'<p><a class="x" href="{name(j)}#p{i}">page {j}'
                        f'</a>, <a name="p{j}">here</a>\n' for j in to)
        filler = "".join(hashlib.sha256(b"%d %d" % (i, k)).hexdigest()
                         for k in range(1 + (size + i * 37 % size) // 64))
        (folder / name(i)).write_text(
            f'<!DOCTYPE html><html><head><meta charset="utf-8">'
            f'<title><a href="not-a-link.html"></title></head>\n'
            f"<!-- <a href='gone.html'> -->{links}<p>\u00e9 {filler}</html>\n")


def name(i):
    return "index.html" if i == 0 else f"p{i:04}.html"


def expected(root, *seeds):
    """What the independent crawler finds in the files."""
    text = run(sys.executable, SRC / "tests/support/crawl.py", root, *seeds)
    return sorted(map(tuple, rows(text)))


def same(db, want, what=""):
    """The store holds what is on disk: each page once, byte for byte."""
    got = db.stored()
    wrong = sorted(set(got) ^ set(want))
    check(got == want, what, len(got), "pages stored,", len(want),
          "expected; first difference:", wrong[:1])
    equal(db.count(), len(want), "rows of the table page")


def path_of(url):
    return unquote(urlsplit(url).path)
