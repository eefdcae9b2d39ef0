# SPDX-License-Identifier: MIT
"""fetch_worker: signals, leases, and DSNs that are wrong."""
import os
import signal
import socket

from fake_site import FakeSite
from worker import (Databases, Worker, check, crawl, equal, main, mysql, pg,
                    until)


def leased(db):
    return int(db.jobs().get("leased", 0)) if pg(
        db.queue, "SELECT to_regclass('job')")[0] != [""] else 0


def seeds(site, path, n):
    return [word for i in range(n)
            for word in ("--seed", f"{site.url}{path}{i}")]


def no_leases(db):
    equal(leased(db), 0, "leases that are left")


# --- signals -----------------------------------------------------------------

def term_finishes():
    """SIGTERM: no page is claimed any more, those in flight finish, exit 0"""
    with FakeSite() as site:
        db = Databases("pg")
        with Worker(db, *seeds(site, "/held/", 12), "--concurrency",
                    4) as worker:
            until("four leases", lambda: leased(db) == 4)
            worker.send(signal.SIGTERM)
            stops(worker)
            site.go_on()
            equal(worker.ends_well()["stored"], 4, "stored")
        no_leases(db)
        equal(db.jobs(), {"done": "4", "ready": "8"}, "jobs")
        equal(db.count("error IS NULL"), 4, "rows")


def term_gives_back():
    """SIGTERM: what is in flight after the grace is given back, exit 0"""
    with FakeSite() as site:
        db = Databases("pg")
        with Worker(db, *seeds(site, "/hang/", 3), "--grace", 0.3,
                    "--drain") as worker:
            until("three leases", lambda: leased(db) == 3)
            worker.send(signal.SIGTERM)
            equal(worker.ends_well()["stored"], 0, "stored")
        equal(db.jobs(), {"ready": "3"}, "jobs")
        equal(pg(db.queue, "SELECT DISTINCT failures, due <= now() FROM job"),
              [["0", "t"]], "it was no failure of the pages; they may be "
              "claimed at once")


def term_twice():
    """a second SIGTERM ends it at once, and nothing is lost"""
    with FakeSite() as site:
        db = Databases("pg")
        with Worker(db, *seeds(site, "/held/", 3), "--grace", 60, "--lease",
                    1) as worker:
            until("three leases", lambda: leased(db) == 3)
            worker.send(signal.SIGTERM)
            stops(worker)
            worker.send(signal.SIGTERM)
            equal(worker.wait(), -signal.SIGTERM, "status")
        equal(db.jobs(), {"leased": "3"}, "jobs")
        site.go_on()
        equal(crawl(db)["stored"], 3, "stored by the next worker")


def stops(worker):
    until("it says so", lambda: "stopping: " in worker.errors())


def term_while_idle():
    """SIGTERM and SIGINT end a worker that waits for work, exit 0"""
    for number in (signal.SIGTERM, signal.SIGINT):
        db = Databases("pg")
        with Worker(db) as worker:
            until("LISTEN", lambda: pg(
                db.queue, "SELECT 1 FROM pg_stat_activity WHERE "
                f"datname = '{db.name}' AND query ILIKE 'LISTEN%'"))
            worker.send(number)
            worker.ends_well()


def term_while_opening():
    """SIGTERM ends a worker whose queue does not answer at once, exit 0"""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        queue = f"postgresql://u@127.0.0.1:{deaf.getsockname()[1]}/x"
        with Worker(GOOD, queue=queue) as worker:
            until("it listens to signals", lambda: handles(worker))
            deaf.accept()
            worker.send(signal.SIGTERM)
            equal(worker.ends_well()["fetched"], 0, "fetched")
            equal(worker.errors(), "", "nothing went wrong")


def handles(worker):
    with open(f"/proc/{worker.process.pid}/status") as file:
        return any(int(line.split()[1], 16) & 1 << (signal.SIGTERM - 1)
                   for line in file if line.startswith("SigCgt:"))


# --- leases ------------------------------------------------------------------

def renews():
    """a page that takes longer than a lease is renewed, not fetched twice"""
    with FakeSite() as site:
        db = Databases("pg")
        args = ("--lease", 0.9, "--drain")
        with Worker(db, *seeds(site, "/slow/3/", 2), *args) as one, \
                Worker(db, *args) as two:
            one.ends_well()
            two.ends_well()
        equal(set(site.asked.values()), {1}, "requests for a page")
        equal(pg(db.queue, "SELECT DISTINCT attempts, state FROM job"),
              [["1", "done"]], "attempts")


def late_writer(kind):
    with FakeSite(delay=1.5) as site:
        db = Databases(kind)
        url = site.url + "/count/x"
        with Worker(db, "--seed", url, "--lease", 1, "--drain") as late:
            until("the first request", lambda: site.asked["/count/x"] == 1)
            late.send(signal.SIGSTOP)
            crawl(db, "--lease", 1)
            equal(db.page(url, "attempts"), ["2"], "attempts")
            late.send(signal.SIGCONT)
            late.ends_well()
        equal(db.page(url, "attempts, bytes > 0"), [
            "2", "t" if kind == "pg" else "1"], "attempts after the late one")
        check(b"time 2" in body(db, url), "the body is of the second attempt:",
              body(db, url))
        equal(db.job(url, "state, attempts"), ["done", "2"], "job")


def body(db, url):
    text = db.page(url, "encode(body, 'hex')" if db.store is db.pg
                   else "hex(body)")[0]
    return bytes.fromhex(text)


def late_to_pg():
    """a late writer whose lease was lost changes nothing in PostgreSQL"""
    late_writer("pg")


def late_to_mysql():
    """a late writer whose lease was lost changes nothing in MariaDB"""
    late_writer("mysql")


def lost_claim():
    """a lease of ours without a job, its claim's answer lost, runs out"""
    with FakeSite() as site:
        db = Databases("pg")
        with Worker(db, "--seed", site.url + "/hang", "--lease", 0.9,
                    "--grace", 0.1) as worker:
            until("a lease", lambda: leased(db) == 1)
            pg(db.queue, "INSERT INTO job (url, state, attempts, due, owner) "
               f"SELECT '{site.url}/size/5', 'leased', 1, now() + '1 s', "
               "owner FROM job")
            until("it is stored", lambda: db.count() == 1, 20)
            worker.send(signal.SIGTERM)
            worker.ends_well()
        equal(db.job(site.url + "/size/5", "state, attempts"), ["done", "2"],
              "job")
        equal(db.job(site.url + "/hang", "state, attempts"), ["ready", "1"],
              "the job that hangs was renewed and given back")


# --- DSNs --------------------------------------------------------------------

SECRET = "s3cr3t-Pa55"


def refused(want, **dsn):
    """One line names what is wrong; never the password; exit 1."""
    with Worker(GOOD, "--drain", "--seed", "http://127.0.0.1:1/",
                **dsn) as worker:
        status = worker.wait()
        lines = [line for line in worker.errors().splitlines()
                 if not line[0].isdigit()]
    which = "--" + next(iter(dsn))
    check(status == 1, want, "exit status", status, lines)
    check(len(lines) == 1, want, "one line:", lines)
    check("another shape" not in lines[0], "no table was seen:", lines)
    check(lines[0].startswith(f"fetch_worker: {which}: "), want, lines)
    check(want in lines[0].lower(), "no", want, "in", lines)
    check(SECRET not in lines[0], "the password is shown:", lines)


def port_of_nobody(dsn):
    head, _, tail = dsn.partition("@127.0.0.1:")
    return head + "@127.0.0.1:1/" + tail.partition("/")[2]


def with_password(dsn):
    head, _, tail = dsn.partition("@")
    return head.rpartition(":")[0] + ":" + SECRET + "@" + tail


def with_database(dsn):
    head, _, tail = dsn.rpartition("/")
    return head + "/no_such_db" + "".join(tail.partition("?")[1:])


def bad_queue_syntax():
    """a queue DSN that is no DSN"""
    refused("dsn", queue=f"postgresql//a:{SECRET}@h/x")
    refused("option", queue=f"postgresql://a:{SECRET}@h/x?no_such_option=1")


def bad_queue_port():
    """a queue DSN whose port nobody listens on"""
    refused("host", queue=port_of_nobody(GOOD.tcp))
    refused("check host", queue="postgresql://127.0.0.1:1,127.0.0.1:2/x")


def bad_queue_host():
    """a queue DSN whose host does not exist"""
    refused("host", queue=f"postgresql://a:{SECRET}@no-such.invalid/x")


def bad_queue_password():
    """a queue DSN with a wrong password, and with a wrong database"""
    refused("password", queue=with_password(GOOD.tcp))
    refused("database", queue=with_database(GOOD.tcp))


def bad_store_port():
    """a store DSN whose port nobody listens on"""
    refused("host", store=port_of_nobody(MYSQL_TCP))


def bad_store_host():
    """a store DSN whose host does not exist"""
    refused("host", store=f"mysql://a:{SECRET}@no-such.invalid/x")


def bad_store():
    """a store DSN with a wrong password, database or syntax"""
    refused("password", store=with_password(MYSQL_TCP))
    refused("database", store=with_database(MYSQL_TCP))
    refused("dsn", store=f"mysql://a:{SECRET}@h:port/x")


def bad_options():
    """options that are wrong: exit 2 and a line that says what is expected"""
    for args, want in (
            (("--concurrency", "0"), "--concurrency '0'"),
            (("--retries", "x"), "--retries 'x'"),
            (("--lease", "nan"), "--lease 'nan'"),
            (("extra",), "'extra'")):
        with Worker(GOOD, *args) as worker:
            equal(worker.wait(), 2, f"exit status of {args}")
            check(want in worker.errors(), want, "not in", worker.errors())
    with Worker(GOOD, queue=GOOD.mysql) as worker:
        equal(worker.wait(), 2, "exit status of a queue in MariaDB")
        check("--queue" in worker.errors(), worker.errors())


# --- privileges --------------------------------------------------------------

def no_privilege_pg():
    """a store in PostgreSQL that lacks a privilege is told with its remedy"""
    role = GOOD.name + "_r"
    db = Databases("pg")
    crawl(db)
    pg(db.store, f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'; "
       f"GRANT SELECT, INSERT ON page TO {role}")
    dsn = db.tcp.replace(db.tcp.split("//")[1].split("@")[0],
                         f"{role}:{SECRET}")
    try:
        refused("grant", store=dsn)
        pg(db.store, f"GRANT UPDATE ON page TO {role}")
        with Worker(db, "--drain", store=dsn) as worker:
            worker.ends_well()      # no CREATE is needed: there is a table
    finally:
        pg(db.store, f"DROP OWNED BY {role}; DROP ROLE {role}")


def no_privilege_mysql():
    """a store in MariaDB that lacks a privilege is told with its remedy"""
    role = "r" + str(os.getpid())
    db = Databases("mysql")
    crawl(db)
    mysql(db.store, f"CREATE USER {role} IDENTIFIED BY '{SECRET}'; "
          f"GRANT SELECT, INSERT ON {db.name}.page TO {role}")
    tcp = MYSQL_TCP.replace("/" + GOOD.name, "/" + db.name)
    dsn = tcp.replace(tcp.split("//")[1].split("@")[0], f"{role}:{SECRET}")
    try:
        refused("grant", store=dsn)
        mysql(db.store, f"GRANT UPDATE ON {db.name}.page TO {role}")
        with Worker(db, "--drain", store=dsn) as worker:
            worker.ends_well()
    finally:
        mysql(db.store, f"DROP USER {role}")


GOOD = Databases("pg")
MYSQL_TCP = os.environ["AWAIT_TEST_MYSQL_TCP"].rpartition("/")[0] + "/" + \
    GOOD.name
main(together=(
    term_finishes, term_gives_back, term_twice, term_while_idle,
    term_while_opening, renews,
    late_to_pg, late_to_mysql, lost_claim, bad_queue_syntax, bad_queue_port,
    bad_queue_host, bad_queue_password, bad_store_port, bad_store_host,
    bad_store, bad_options, no_privilege_pg, no_privilege_mysql))
