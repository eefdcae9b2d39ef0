# SPDX-License-Identifier: MIT
"""The measuring tools of others: their command lines, and their reports as
{"ops", "seconds"}. Each makes the same requests as our programs."""
import json
import re

from servers import mysql_parts


def number(pattern, text):
    found = re.search(pattern, text)
    if not found:
        raise ValueError(f"no {pattern!r} in: {text[-200:]}")
    return float(found.group(1))


def pgbench(bench, contender):
    """One thread for its ten connections, as one loop has."""
    script = bench.scratch / "point.sql"
    script.write_text("\\set id random(1, 10000)\n"
                      "SELECT id, name, balance FROM account "
                      "WHERE id = :id;\n")
    return bench.metered(
        contender,
        ["pgbench", "-n", "-M", "prepared", "-c", "10", "-j", "1",
         "-T", str(max(1, round(bench.seconds))), "-f", str(script),
         bench.servers.env["AWAIT_TEST_PG"]],
        lambda text: {
            "ops": number(r"actually processed: (\d+)", text),
            "rate": number(r"tps = ([\d.]+)", text)})


def sysbench(bench, contender):
    """A thread per connection: it has no other way."""
    part = mysql_parts(bench.servers.env["AWAIT_TEST_MYSQL"])
    return bench.metered(
        contender,
        ["sysbench", str(bench.source / "peers" / "point.lua"),
         "--db-driver=mysql", f"--mysql-user={part['user']}",
         f"--mysql-password={part['password']}",
         f"--mysql-db={part['database']}",
         f"--mysql-socket={part['socket']}", "--threads=10",
         f"--time={max(1, round(bench.seconds))}", "run"],
        lambda text: {
            "ops": number(r"transactions:\s+(\d+)", text),
            "rate": number(r"transactions:.*\(([\d.]+) per sec", text)})


def wrk(bench, contender):
    """One thread for its hundred connections, as one loop has."""
    return bench.metered(
        contender,
        ["wrk", "-t", "1", "-c", "100",
         "-d", f"{max(1, round(bench.seconds))}s",
         *bench.servers.fill(["{http}"])],
        lambda text: {
            "ops": number(r"(\d+) requests in", text),
            "rate": number(r"Requests/sec:\s+([\d.]+)", text)})


def echo(bench, contender):
    """The server starts the load itself, and ends with its connections; the
    line of the result is the load's."""
    load = bench.find("echo_load")
    if not load:
        raise ValueError("echo_load is not built")
    return bench.metered(
        contender,
        [*bench.command(contender), "--seconds", str(bench.seconds),
         "--connections", "1000", "--size", "512", "--url", str(load)],
        json.loads)
