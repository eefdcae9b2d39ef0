# SPDX-License-Identifier: MIT
"""The main job of examples/fetch_worker/ in Python, for comparison.

usage: worker.py --queue PGDSN --store DSN [--seed URL]... [--concurrency N]
                 [--retries N] [--lease SECONDS]

Follows links and drains the queue (the worker's --follow --drain). asyncpg,
aiomysql, aiohttp, lxml and uvloop; the same statements, batches and numbers
of connections as the C worker: worker_sql.py. The last line is the same JSON.
"""
import argparse
import asyncio
import hashlib
import json
import os
import socket
import time
from urllib.parse import urldefrag, urljoin, urlsplit

import aiohttp
import aiomysql
import asyncpg
import lxml.etree
import lxml.html
import uvloop

import dsn
import worker_sql as sql


class PgStore:
    async def open(self, text):
        n = sql.STORE_CONNECTIONS
        self.pool = await asyncpg.create_pool(text, min_size=1, max_size=n)
        await self.pool.execute(sql.CREATE_PAGE_PG)

    async def put(self, *row):
        await self.pool.execute(sql.STORE_PG, *row)

    async def close(self):
        await self.pool.close()


class MysqlStore:
    async def open(self, text):
        self.pool = await aiomysql.create_pool(
            minsize=1, maxsize=sql.STORE_CONNECTIONS, autocommit=True,
            **dsn.mysql(text))
        await self.run(sql.CREATE_PAGE_MYSQL)

    async def run(self, text, args=None):
        async with self.pool.acquire() as conn:
            async with conn.cursor() as cursor:
                await cursor.execute(text, args)

    async def put(self, *row):
        await self.run(sql.STORE_MYSQL, row)

    async def close(self):
        self.pool.close()
        await self.pool.wait_closed()


def origin(url):
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def links(page, url, body):
    """The pages of page's site that a body from url leads to, sorted."""
    try:
        tree = lxml.html.fromstring(body)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError):
        return []
    base = tree.find(".//base[@href]")
    start = url if base is None else urljoin(url, base.get("href"))
    home, found = origin(page), set()
    for a in tree.iterfind(".//a[@href]"):
        try:
            target = urldefrag(urljoin(start, a.get("href").strip())).url
            if origin(target) == home:
                found.add(target)
        except ValueError:
            continue
    return sorted(found)


class Worker:
    def __init__(self, opt):
        self.opt = opt
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
        self.room = asyncio.Semaphore(opt.concurrency)
        self.wake = asyncio.Event()
        self.running = {}       # task: URL
        self.broken = None      # what ends the worker: a database gone
        self.count = dict.fromkeys(
            ("fetched", "stored", "failed", "retried", "bytes"), 0)

    async def open(self):
        n, kind = sql.QUEUE_CONNECTIONS, urlsplit(self.opt.store).scheme
        self.queue = await asyncpg.create_pool(
            self.opt.queue, min_size=1, max_size=n)
        await self.queue.execute(sql.CREATE_JOB)
        await self.queue.execute(sql.CREATE_JOB_INDEX)
        self.store = (MysqlStore() if kind in ("mysql", "mariadb")
                      else PgStore())
        await self.store.open(self.opt.store)
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=100, limit_per_host=0),
            timeout=aiohttp.ClientTimeout(total=60))
        # Its own connection: waits for news and renews the leases.
        self.side = await asyncpg.connect(self.opt.queue)
        await self.side.add_listener("job", lambda *news: self.wake.set())

    async def close(self):
        await self.http.close()
        await self.side.close()
        await self.store.close()
        await self.queue.close()

    async def add(self, urls):
        if urls and await self.queue.fetchval(sql.ADD, urls):
            self.wake.set()

    async def heartbeat(self):
        while True:
            await asyncio.sleep(self.opt.lease / 3)
            await self.side.execute(
                sql.HEARTBEAT, self.owner, float(self.opt.lease),
                list(self.running.values()))

    async def fetch(self, url, attempts):
        async with self.http.get(url) as response:
            body = await response.read()
        if response.status >= 500 or response.status in (408, 429):
            raise aiohttp.ClientError(f"HTTP status {response.status}")
        self.count["fetched"] += 1
        self.count["bytes"] += len(body)
        error = (f"HTTP status {response.status}"
                 if response.status >= 400 else None)
        await self.store.put(
            url, str(response.url), response.status,
            response.headers.get("Content-Type", ""), body, len(body),
            hashlib.sha256(body).hexdigest(), error, attempts)
        self.count["failed" if error else "stored"] += 1
        if not error and response.content_type == "text/html":
            await self.add(links(url, str(response.url), body))
        await self.queue.execute(
            sql.END, url, self.owner, attempts, "failed" if error else "done")

    async def gave_up(self, url, attempts, failures, error):
        if failures < self.opt.retries:
            self.count["retried"] += 1
            await self.queue.execute(sql.LATER, url, self.owner, attempts,
                                     0.5 * 2.0 ** failures, 1)
            return
        self.count["failed"] += 1
        await self.store.put(url, None, None, None, None, None, None,
                             str(error), attempts)
        await self.queue.execute(sql.END, url, self.owner, attempts, "failed")

    async def job(self, url, attempts, failures):
        try:
            await self.fetch(url, attempts)
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            await self.gave_up(url, attempts, failures, error)

    def ended(self, task):
        self.running.pop(task)
        self.room.release()
        if not self.running:
            self.wake.set()
        if not task.cancelled() and task.exception():
            self.broken = task.exception()
            self.wake.set()

    async def take(self):
        """Claim a batch and start it; how many there were."""
        self.wake.clear()
        jobs = await self.queue.fetch(
            sql.CLAIM, self.owner, float(self.opt.lease), self.opt.concurrency)
        for job in jobs:
            await self.room.acquire()
            task = asyncio.create_task(self.job(*job))
            self.running[task] = job["url"]
            task.add_done_callback(self.ended)
        return len(jobs)

    async def drain(self):
        while True:
            if self.broken:
                raise self.broken
            if await self.take() == self.opt.concurrency:
                continue
            if not self.running and not await self.queue.fetchval(sql.OPEN):
                return
            try:
                await asyncio.wait_for(self.wake.wait(), 1.0)
            except asyncio.TimeoutError:
                pass


async def main(opt):
    begin = time.monotonic()
    worker = Worker(opt)
    await worker.open()
    await worker.add(sorted(set(opt.seed)))
    beat = asyncio.create_task(worker.heartbeat())
    await worker.drain()
    beat.cancel()
    await worker.close()
    seconds = round(time.monotonic() - begin, 6)
    print(json.dumps({**worker.count, "seconds": seconds}))


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--queue", required=True)
    parser.add_argument("--store", required=True)
    parser.add_argument("--seed", action="append", default=[])
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--retries", type=int, default=3)
    parser.add_argument("--lease", type=float, default=15)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main(options()))
