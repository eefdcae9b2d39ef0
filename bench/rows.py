# SPDX-License-Identifier: MIT
"""The rows of the benchmark: what is compared with what. One entry each.

A row runs its contenders in turn. A contender is a program of ours (`build`:
compiled by make), a Python peer, a Go peer (compiled on first use) or a tool
of the distribution; it says what it needs, so that one which is not installed
can be named. `limit` is the factor by which the bare loop must exceed another
contender of the same run to count as the limit of what is possible.
"""
from dataclasses import dataclass, field

import files
import tools
import worker


@dataclass(frozen=True)
class Contender:
    name: str
    kind: str                   # build, python, go or tool
    program: str                # file in bench/ or bench/peers, or command
    needs: tuple = ()           # Python modules or Go packages
    package: str = ""           # Debian package, for the message
    run: object = None          # function(bench, contender) -> Sample
    option: str = ""            # a word for that function


@dataclass(frozen=True)
class Row:
    name: str
    what: str
    ours: Contender
    peers: list = field(default_factory=list)
    unit: str = "1/s"
    servers: tuple = ()
    args: tuple = ()            # {pg} {mysql} {http} {park} are filled in
    limit: tuple = ()           # (contender, factor)


def ours(program):
    return Contender("ours", "build", program)


def bare(program):
    return Contender("bare", "build", program)


def python(name, program, *needs):
    return Contender(name, "python", program, ("uvloop", *needs),
                     " ".join(f"python3-{m}" for m in ("uvloop", *needs)))


def go(name, program, *needs, package="golang-go"):
    return Contender(name, "go", program, needs, package)


PGX = "github.com/jackc/pgx/v4/pgxpool"
GO_MYSQL = "github.com/go-sql-driver/mysql"

TABLE = [
    Row("spawn", "start a task that does nothing and join it",
        ours("aw_spawn"),
        [python("asyncio", "py_spawn.py"), go("go", "go_spawn.go")]),
    Row("switch", "one turn of 100 tasks that give way to each other",
        ours("aw_switch"),
        [python("asyncio", "py_switch.py"), go("go", "go_switch.go")],
        args=("--tasks", "100")),
    Row("queue", "an item from one task to another through 64 places",
        ours("aw_queue"),
        [python("asyncio", "py_queue.py"), go("go", "go_queue.go")]),
    Row("lock", "lock and unlock a mutex that nobody else wants",
        ours("aw_lock"),
        [bare("bare_lock"),
         python("asyncio", "py_lock.py"), go("go", "go_lock.go")]),
    # Go has no peer: a goroutine that blocks keeps its own thread.
    Row("offload", "a call in a helper thread and back, one at a time",
        ours("aw_offload"),
        [bare("bare_offload"), python("asyncio", "py_offload.py")]),
    Row("timers", "one of 100,000 timers armed and called back",
        ours("aw_timers"),
        [bare("bare_timers"),
         python("asyncio", "py_timers.py"), go("go", "go_timers.go")],
        args=("--tasks", "100000")),
    Row("cancel", "one of 100,000 sleepers cancelled and joined",
        ours("aw_cancel"),
        [python("asyncio", "py_cancel.py"), go("go", "go_cancel.go")],
        args=("--tasks", "100000")),
    Row("park", "one of a million tasks (--quick: 100,000) started, parked, "
        "woken and joined",
        ours("aw_park"),
        [python("asyncio", "py_park.py"), go("go", "go_park.go")],
        args=("--tasks", "{park}")),
    Row("lines", "a line of 100 bytes of a log of 1 GB, beside a ticker",
        Contender("ours", "build", "aw_lines", run=files.lines),
        [Contender("bare", "build", "bare_lines", run=files.lines),
         Contender("wc", "tool", "wc", (), "coreutils", files.wc),
         Contender("aiofiles", "python", "py_lines.py",
                   ("uvloop", "aiofiles"), "python3-uvloop python3-aiofiles",
                   files.lines)]),
    Row("files", "a file of 1 KiB out of 100,000, 64 at once",
        Contender("ours", "build", "aw_files", run=files.files),
        [Contender("bare", "build", "bare_files", run=files.files),
         Contender("aiofiles", "python", "py_files.py",
                   ("uvloop", "aiofiles"), "python3-uvloop python3-aiofiles",
                   files.files)]),
    Row("echo", "512 bytes there and back over TCP, 1,000 connections",
        Contender("ours", "build", "aw_echo", run=tools.echo),
        [Contender("bare", "build", "bare_echo", run=tools.echo),
         Contender("asyncio", "python", "py_echo.py", ("uvloop",),
                   "python3-uvloop", tools.echo)]),
    Row("pg-point", "pooled SELECT by key, PostgreSQL, 10 connections",
        ours("aw_pg_point"),
        [bare("bare_pg"),
         Contender("pgbench", "tool", "pgbench", (), "postgresql-15",
                   tools.pgbench),
         python("asyncpg", "py_pg.py", "asyncpg"),
         go("pgx", "go_pgx.go", PGX,
            package="golang-go golang-github-jackc-pgx-v4-dev")],
        servers=("pg",), limit=("pgbench", 1.2),
        args=("--connections", "10", "--tasks", "10", "--dsn", "{pg}")),
    Row("mysql-point", "pooled SELECT by key, MariaDB, 10 connections",
        ours("aw_mysql_point"),
        [bare("bare_mysql"),
         Contender("sysbench", "tool", "sysbench", (), "sysbench",
                   tools.sysbench),
         python("aiomysql", "py_mysql.py", "aiomysql"),
         go("go-sql-driver", "go_mysql.go", GO_MYSQL,
            package="golang-go golang-github-go-sql-driver-mysql-dev")],
        servers=("mysql",), limit=("sysbench", 0.75),
        args=("--connections", "10", "--tasks", "10", "--dsn", "{mysql}")),
    Row("http-get", "GET of 1 KiB, 100 at once, kept-alive connections",
        ours("aw_http_get"),
        [bare("bare_http"),
         Contender("wrk", "tool", "wrk", (), "wrk", tools.wrk),
         python("aiohttp", "py_http.py", "aiohttp"),
         go("net/http", "go_http.go")],
        servers=("nginx",), limit=("wrk", 0.35),
        args=("--tasks", "100", "--url", "{http}", "--size", "1024")),
] + [
    Row(f"worker-{short}",
        f"crawl 1,100 pages, queue in PostgreSQL, pages in {long}",
        Contender("ours", "build", "fetch_worker", run=worker.run,
                  option=short),
        [Contender("python", "python", "worker.py",
                   ("uvloop", "asyncpg", "aiomysql", "aiohttp", "lxml"),
                   "python3-uvloop python3-asyncpg python3-aiomysql "
                   "python3-aiohttp python3-lxml", worker.run, short)],
        unit="pages/cpu-s", servers=("pg", "mysql", "nginx"))
    for short, long in (("pg", "PostgreSQL"), ("mysql", "MariaDB"))
]

ROWS = {row.name: row for row in TABLE}
