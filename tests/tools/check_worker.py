# SPDX-License-Identifier: MIT
"""fetch_worker on servers that work: what it finds, stores and leaves out,
and how every kind of bad page ends."""
import os
import pty
import signal
import tempfile
from pathlib import Path

from fake_site import FakeSite
from worker import (Databases, Worker, ask, check, crawl, equal, expected,
                    main, make_site, mysql, pg, same, until)

LONG = "/long?" + "x" * 2048
DEAD = "http://127.0.0.1:1/refused"
NOWHERE = "http://no-such-host.invalid/"
tmp = tempfile.TemporaryDirectory(prefix="await-worker.")
ROOT = Path(tmp.name)
make_site(ROOT / "site", 250)


def whole_crawl(kind):
    with FakeSite(ROOT / "site") as site:
        db = Databases(kind)
        want = expected(ROOT / "site", site.url + "/index.html")
        equal(len(want), 250, "pages of the independent crawler")
        summary = crawl(db, "--seed", site.url + "/index.html", "--follow",
                        "--concurrency", 32)
        same(db, want)
        for what in ("fetched", "stored"):
            equal(summary[what], 250, what)
        equal(summary["bytes"], sum(int(page[2]) for page in want), "bytes")
        equal(db.jobs(), {"done": "250"}, "jobs")
        again = crawl(db, "--seed", site.url + "/index.html", "--follow")
        equal(again["fetched"], 0, "fetched by a second crawl")


def to_pg():
    """a crawl to PostgreSQL stores what the independent crawler finds"""
    whole_crawl("pg")


def to_mysql():
    """a crawl to MariaDB stores what the independent crawler finds"""
    whole_crawl("mysql")


# What the error of each bad page says.
BAD = {
    "/404": "HTTP status 404",
    "/500": "HTTP status 500",
    "/loop": "AW_EREDIRECT",
    "/size/200000": "AW_ELIMIT",
    "/chunked/200000": "AW_ELIMIT",
    "/hang": "AW_ETIMEDOUT",
    "/close": "AW_ELOST",
    "/cut": "AW_ELOST",
    LONG: "longer than 2048 bytes",
    DEAD: "AW_ECONNECT",
    NOWHERE: "AW_ERESOLVE",
}
GOOD = ("/500/1/heals", "/to/count/there", "/size/5000", "/type", "/size/0")


def bad_pages(kind):
    with FakeSite() as site:
        db = Databases(kind)
        at = {path: path if "://" in path else site.url + path
              for path in (*BAD, *GOOD)}
        seeds = [word for url in at.values() for word in ("--seed", url)]
        summary = crawl(db, *seeds, "--retries", 1, "--timeout", 1,
                        "--max-body", 100000)
        errors = db.errors()
        for path, error in BAD.items():
            url = at[path]
            if path is LONG:
                url = next((u for u in errors if "#sha256=" in u), "")
            check(error in errors.get(url, ""), path[:40],
                  "should have failed with", error, "but has",
                  errors.get(url))
        equal(len(errors), len(BAD), "rows with an error")
        equal(summary["failed"], len(BAD), "failed")
        equal(summary["stored"], len(GOOD), "stored")
        equal(db.page(at["/404"], "status, body IS NULL, attempts")[::2],
              ["404", "1"], "a 404 is not tried again: status and attempts")
        equal(db.page(at["/500"], "status, attempts"), ["500", "2"],
              "a 500 is tried once more: status and attempts")
        equal(db.page(at["/500/1/heals"], "status, attempts"), ["200", "2"],
              "a 500 that heals")
        equal(db.page(at["/to/count/there"], "final_url"),
              [site.url + "/count/there"], "final_url of a redirect")
        equal(db.page(at["/type"], "content_type"),
              ["text/html; charset=??"], "a content type in no UTF-8")
        equal(db.page(at["/size/0"], "bytes, octet_length(body)"),
              ["0", "0"], "an empty body is no NULL")
        check(not set(db.jobs()) & {"ready", "leased"}, "jobs", db.jobs())


def bad_to_pg():
    """each bad page ends as a row with its error in PostgreSQL"""
    bad_pages("pg")


def bad_to_mysql():
    """each bad page ends as a row with its error in MariaDB"""
    bad_pages("mysql")


def refused_by_pg():
    """a page that a constraint or a trigger refuses is a failed row"""
    with FakeSite() as site:
        db = Databases("pg")
        crawl(db)
        pg(db.store, "ALTER TABLE page ADD CHECK (bytes < 5000)")
        pg(db.store, "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql "
           "AS $$ BEGIN IF NEW.bytes = 4321 THEN RAISE 'not this one'; "
           "END IF; RETURN NEW; END $$")
        pg(db.store, "CREATE TRIGGER no BEFORE INSERT ON page FOR EACH ROW "
           "EXECUTE FUNCTION no()")
        summary = crawl(db, "--seed", site.url + "/size/5000", "--seed",
                        site.url + "/size/4321", "--seed",
                        site.url + "/size/4999")
        errors = db.errors()
        check("violates check" in errors[site.url + "/size/5000"], errors)
        check("not this one" in errors[site.url + "/size/4321"], errors)
        equal((summary["stored"], summary["failed"]), (1, 2), "stored, failed")


def refused_row(kind):
    with FakeSite() as site:
        db = Databases(kind)
        crawl(db)
        ask(db.store, "ALTER TABLE page ADD CHECK "
            "(url NOT LIKE '%/size/7%')")
        with Worker(db, "--drain", "--seed", site.url + "/size/7", "--seed",
                    site.url + "/size/8") as worker:
            summary = worker.ends_well()
            check("/size/7: failed, and there is no row" in worker.errors(),
                  worker.errors())
        equal((summary["stored"], summary["failed"]), (1, 1), "stored, failed")
        equal(db.job(site.url + "/size/7"), ["failed"], "the job")
        equal(db.count(), 1, "rows")


def refused_row_by_pg():
    """a rule of PostgreSQL that refuses the failed row, too, ends the page"""
    refused_row("pg")


def refused_row_by_mysql():
    """a rule of MariaDB that refuses the failed row, too, ends the page"""
    refused_row("mysql")


def other_shape(kind, alter, *paths):
    with FakeSite() as site:
        db = Databases(kind)
        crawl(db)
        ask(db.store, "ALTER TABLE page " + alter)
        for path in paths:
            with Worker(db, "--drain", "--seed", site.url + path) as worker:
                equal(worker.wait(), 1, "exit status")
                told = worker.errors()
            equal(told.count("fetch_worker: --store: AW_ESQL: "), 1, told)
            check("another shape: rename or drop it" in told, told)
            check("--queue" not in told, told)
        check(db.job(site.url + paths[0]) in (None, ["ready"]), "the job")
        equal(db.count(), 0, "rows")


def other_shape_in_pg():
    """a table of PostgreSQL that takes no failed page ends the worker"""
    other_shape("pg", "ALTER body SET NOT NULL, ADD CHECK (bytes < 5000)",
                "/size/5000", "/404", LONG)


def other_shape_in_mysql():
    """a table of MariaDB that takes no failed page ends the worker"""
    other_shape("mysql", "MODIFY url varchar(40) CHARACTER SET ascii "
                "COLLATE ascii_nopad_bin", "/size/5000?" + "x" * 30, LONG)
    other_shape("mysql", "ADD more int NOT NULL", "/size/1", "/404")


def strange_urls():
    """URLs that a table refuses as a key still end as rows"""
    with FakeSite() as site:
        db = Databases("mysql")
        crawl(db)
        pg(db.queue, "INSERT INTO job (url) VALUES "
           f"('{site.url}/size/10?\u00e9'), ('not a URL'), "
           f"('{site.url}/size/11?' || repeat('long', 600))")
        summary = crawl(db)
        equal(summary["stored"] + summary["failed"], 3, "pages ended")
        equal(db.count(), 3, "rows")
        check(not set(db.jobs()) & {"ready", "leased"}, "jobs", db.jobs())


def same_site_only():
    """links to another host, port or scheme are not followed, others are"""
    with FakeSite() as site, FakeSite() as other:
        db = Databases("pg")
        site.away = other.url + "/links?/size/7"
        links = (f"{other.url}/size/1", "https://127.0.0.1/size/2",
                 "ftp://127.0.0.1/x", "mailto:a@example.org", "/away",
                 f"//127.0.0.1:{site.port}/size/3", "size/../size/4%23a",
                 f"{site.url.upper()}/size/5%23fragment", "?/size/6", " 404 ",
                 "javascript:x", "/size/8", "/toolong")
        crawl(db, "--follow", "--seed", site.url + "/links?" + "&".join(links))
        urls = {job[0].removeprefix(site.url)
                for job in pg(db.queue, "SELECT url FROM job")}
        urls = {url for url in urls if len(url) < 100}      # not the seed
        equal(urls, {"/size/3", "/size/4", "/size/5", "/size/8",
                     "/away", "/404", "/links?/size/6", "/size/6",
                     "/toolong"}, "jobs")
        check(any("longer" in e for e in db.errors().values()),
              "the long link is a row:", db.errors())


def follows_when_told():
    """without --follow only the seeds are fetched"""
    with FakeSite(ROOT / "site") as site:
        db = Databases("pg")
        summary = crawl(db, "--seed", site.url + "/index.html", "--seed",
                        site.url + "/p0001.html#x")
        equal(summary["stored"], 2, "stored")
        equal(db.jobs(), {"done": "2"}, "jobs")


def two_workers():
    """two workers share a queue, and no page is fetched twice"""
    with FakeSite(ROOT / "site", delay=0.02) as site:
        db = Databases("pg")
        args = ("--seed", site.url + "/index.html", "--follow", "--drain",
                "--concurrency", 8)
        with Worker(db, *args) as one, Worker(db, *args) as two:
            sums = [one.ends_well(), two.ends_well()]
        same(db, expected(ROOT / "site", site.url + "/index.html"))
        equal(sum(s["stored"] for s in sums), 250, "stored by both")
        check(all(s["stored"] > 20 for s in sums), "both work", sums)
        equal(max(site.asked.values()), 1, "requests for one page")


def max_pages():
    """--max-pages ends the worker after so many pages, the rest is kept"""
    with FakeSite(ROOT / "site") as site:
        db = Databases("pg")
        with Worker(db, "--seed", site.url + "/index.html", "--follow",
                    "--max-pages", 17) as worker:
            summary = worker.ends_well()
        equal(summary["stored"], 17, "stored")
        equal(db.count(), 17, "rows")
        equal(db.jobs().get("leased"), None, "leased jobs")
        check(int(db.jobs()["ready"]) > 10, "jobs", db.jobs())


def retries():
    """--retries counts failures of the page, and 0 means none"""
    with FakeSite() as site:
        db = Databases("pg")
        summary = crawl(db, "--seed", site.url + "/500", "--retries", 0)
        equal((summary["failed"], summary["retried"]), (1, 0), "no retry")
        summary = crawl(db, "--seed", site.url + "/500/2/x", "--retries", 2)
        equal((summary["stored"], summary["retried"]), (1, 2), "two retries")
        equal(db.job(site.url + "/500/2/x", "state, attempts, failures"),
              ["done", "3", "2"], "the job")


def spaced_attempts():
    """a page that fails is tried again after pauses that double, by the
    clock of the queue's server, then marked as failed with the reason"""
    with FakeSite() as site:
        db = Databases("pg")
        crawl(db)                       # makes the tables
        # now() is the same for every column that one statement writes.
        pg(db.queue, "CREATE TABLE pause (n serial, failures int, "
           "seconds float8)")
        pg(db.queue, "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql "
           "AS $$ BEGIN INSERT INTO pause (failures, seconds) VALUES "
           "(NEW.failures, extract(epoch FROM NEW.due - now())); "
           "RETURN NEW; END $$")
        pg(db.queue, "CREATE TRIGGER note BEFORE UPDATE ON job FOR EACH ROW "
           "WHEN (OLD.state = 'leased' AND NEW.state = 'ready') "
           "EXECUTE FUNCTION note()")
        # Claimed before its time it would be one attempt too early.
        pg(db.queue, "CREATE TABLE early (due timestamptz)")
        pg(db.queue, "CREATE FUNCTION early() RETURNS trigger LANGUAGE "
           "plpgsql AS $$ BEGIN INSERT INTO early VALUES (OLD.due); "
           "RETURN NEW; END $$")
        pg(db.queue, "CREATE TRIGGER early BEFORE UPDATE ON job FOR EACH ROW "
           "WHEN (OLD.state = 'ready' AND NEW.state = 'leased' AND "
           "OLD.due > now()) EXECUTE FUNCTION early()")
        summary = crawl(db, "--seed", site.url + "/500", "--retries", 3)
        equal(pg(db.queue, "SELECT failures, round(seconds::numeric, 6) "
                 "FROM pause ORDER BY n"),
              [["1", "0.500000"], ["2", "1.000000"], ["3", "2.000000"]],
              "failures so far, and the pause behind each")
        equal(pg(db.queue, "SELECT * FROM early"), [], "claimed too early")
        equal(db.job(site.url + "/500", "state, attempts, failures"),
              ["failed", "4", "3"], "the job")
        equal(db.page(site.url + "/500", "status, error, attempts"),
              ["500", "HTTP status 500", "4"], "the page")
        equal((summary["retried"], summary["failed"]), (3, 1), "the summary")
        equal(site.asked["/500"], 4, "requests")


def waits_for_work():
    """without --drain it takes what SQL inserts, and SIGTERM ends it well"""
    with FakeSite() as site:
        db = Databases("pg")
        with Worker(db, "--seed", site.url + "/size/1") as worker:
            until("the first page", lambda: pg(
                db.queue, "SELECT to_regclass('page')")[0] != [""] and
                db.count() == 1)
            until("LISTEN", lambda: pg(
                db.queue, "SELECT 1 FROM pg_stat_activity WHERE "
                f"datname = '{db.name}' AND query ILIKE 'LISTEN%'"))
            pg(db.queue, f"INSERT INTO job VALUES ('{site.url}/size/2'); "
               "NOTIFY job")
            until("the second page", lambda: db.count() == 2)
            pg(db.queue, f"INSERT INTO job VALUES ('{site.url}/size/3')")
            until("the third page", lambda: db.count() == 3)
            worker.send(signal.SIGTERM)
            equal(worker.ends_well()["stored"], 3, "stored")


def draws_a_bar():
    """a bar on a terminal, a line a second elsewhere"""
    with FakeSite(ROOT / "site", delay=0.3) as site:
        db = Databases("pg")
        leader, follower = pty.openpty()
        with Worker(db, "--seed", site.url + "/index.html", "--follow",
                    "--max-pages", 20, "--concurrency", 4) as worker:
            worker.ends_well()
            check(" s: " in worker.errors() and "fetched" in worker.errors(),
                  "lines:", worker.errors())
        worker = Worker(db, "--max-pages", 8, "--concurrency", 4,
                        err=os.fdopen(follower, "w"))
        equal(worker.wait(), 0, "exit status")
        text = os.read(leader, 65536).decode()
        worker.err.close()
        os.close(leader)
        check("[#" in text and "\r" in text and text.endswith("\n"), text)


main(to_pg, to_mysql, together=(
    bad_to_pg, bad_to_mysql, refused_by_pg, strange_urls, same_site_only,
    refused_row_by_pg, refused_row_by_mysql, other_shape_in_pg,
    other_shape_in_mysql,
    follows_when_told, two_workers, max_pages, retries, spaced_attempts,
    waits_for_work, draws_a_bar))
