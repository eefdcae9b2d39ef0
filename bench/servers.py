# SPDX-License-Identifier: MIT
"""The servers of a run: started by tests/support/servers, filled here."""
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SCRIPT = TOP / "tests" / "support" / "servers"
PACKAGE = "postgresql-doc-15"

ACCOUNT_PG = """
CREATE TABLE account (
	id int PRIMARY KEY, name text NOT NULL, balance bigint NOT NULL);
INSERT INTO account
	SELECT i, 'account ' || i, i::bigint * 1000003 % 1000000007
	FROM generate_series(1, 10000) AS i;
"""
ACCOUNT_MYSQL = """
CREATE TABLE account (id int PRIMARY KEY, name varchar(64) NOT NULL,
	balance bigint NOT NULL);
INSERT INTO account
	SELECT seq, concat('account ', seq), seq * 1000003 % 1000000007
	FROM seq_1_to_10000;
ANALYZE TABLE account;
"""


class ServerError(Exception):
    pass


def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, text=True,
                          capture_output=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().split("\n")[-1]
        raise ServerError(f"{Path(command[0]).name}: {last}")
    return done.stdout


def parse_env(text):
    """NAME=value lines of the shell, with or without export and quotes."""
    env = {}
    for word in shlex.split(text, comments=True):
        name, equals, value = word.partition("=")
        if equals:
            env[name] = value
    return env


class Servers:
    """Started on first use, one set for a whole run; close() stops them."""

    def __init__(self):
        self.dir = None
        self.env = {}
        self.names = set()
        self.serial = 0
        self.has_account = set()

    def need(self, names):
        """Start these if they are not all running; more need a new set."""
        if set(names) <= self.names:
            return
        names = set(names) | self.names
        self.close()
        self.dir = Path(tempfile.mkdtemp(prefix="aw-bench."))
        os.environ.update(AWAIT_SERVERS_DURABLE="1",
                          AWAIT_SERVERS_OWNER=str(os.getpid()))
        run(str(SCRIPT), "start", str(self.dir / "s"), *sorted(names))
        self.names = names
        self.env = parse_env((self.dir / "s" / "env").read_text())
        if "nginx" in names:
            (self.www / "bench").mkdir()
            self.write(self.www / "bench" / "1k.bin", b"x" * 1024)

    def close(self):
        if self.dir:
            subprocess.run([str(SCRIPT), "stop", str(self.dir / "s")])
            shutil.rmtree(self.dir, ignore_errors=True)
        self.dir, self.names = None, set()
        self.has_account.clear()

    @property
    def www(self):
        return Path(self.env["AWAIT_TEST_WWW"])

    @staticmethod
    def write(path, data):
        path.write_bytes(data)
        path.chmod(0o644)

    def fill(self, args, **more):
        """{pg}, {mysql}, {http} and what is given of a command line."""
        words = {
            "pg": self.env.get("AWAIT_TEST_PG", ""),
            "mysql": self.env.get("AWAIT_TEST_MYSQL", ""),
            "http": self.env.get("AWAIT_TEST_HTTP", "") + "/bench/1k.bin",
            **more,
        }
        return [arg.format(**words) for arg in args]

    def accounts(self):
        """The table of the point SELECTs, in both databases that run."""
        if "pg" in self.names - self.has_account:
            self.psql(self.env["AWAIT_TEST_PG"], ACCOUNT_PG)
            self.psql(self.env["AWAIT_TEST_PG"], "VACUUM ANALYZE account;")
        if "mysql" in self.names - self.has_account:
            self.mariadb(self.env["AWAIT_TEST_MYSQL"], ACCOUNT_MYSQL)
        self.has_account |= self.names

    def databases(self):
        """A fresh database on each server: (PostgreSQL, MariaDB) DSNs."""
        self.serial += 1
        env = parse_env(run(str(SCRIPT), "createdb", str(self.dir / "s"),
                            f"bench{self.serial}"))
        return env["AWAIT_TEST_PG"], env["AWAIT_TEST_MYSQL"]

    def psql(self, dsn, sql):
        return run("psql", "-X", "-q", "-A", "-t", "-F", "\t",
                   "-v", "ON_ERROR_STOP=1", "-d", dsn, stdin=sql)

    def mariadb(self, dsn, sql):
        part = mysql_parts(dsn)
        option = self.dir / "my.cnf"
        option.touch(mode=0o600)
        option.write_text(f"[client]\nuser={part['user']}\n"
                          f"password={part['password']}\n"
                          f"socket={part['socket']}\n")
        return run("mariadb", f"--defaults-file={option}", "-N", "-B",
                   part["database"], stdin=sql)

    def manual(self):
        """Serve the pages of the PostgreSQL manual; the URL of its index."""
        if not (self.www / "index.html").exists() or \
                not (self.www / "sql.html").exists():
            shutil.copytree(pages(), self.www, dirs_exist_ok=True)
            run("chmod", "-R", "a+rX", str(self.www))
        return self.env["AWAIT_TEST_HTTP"] + "/index.html"


def mysql_parts(dsn):
    from urllib.parse import parse_qs, unquote, urlsplit
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    return {"user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": parts.path.lstrip("/"),
            "socket": query.get("unix_socket", query.get("socket", [""]))[0]}


def pages():
    """The manual, where scripts/demo keeps it too; downloaded if missing."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(home) / "await"
    if not (cache / "pages" / "index.html").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as name:
            tmp = Path(name)
            subprocess.run(["apt-get", "-q", "download", PACKAGE], cwd=tmp,
                           check=True, stdout=subprocess.DEVNULL)
            run("dpkg", "-x", *map(str, tmp.glob("*.deb")), str(tmp / "x"))
            html = tmp / "x" / "usr" / "share" / "doc" / PACKAGE / "html"
            html.rename(cache / "pages")
    return cache / "pages"
