# SPDX-License-Identifier: MIT
"""A web server for what nginx will not do: failures at will, and slowly.

    /404 /500               that status
    /500/N/name             500 for the first N requests, then a page
    /to/PATH                redirects to PATH (one path)
    /away                   redirects to another port of this machine
    /loop                   redirects to itself
    /size/N /chunked/N      a body of N bytes, announced or not
    /hang /close /cut       never answers; hangs up; ends too early
    /slow/SECONDS/name      a page after that time
    /held/name              a page after go_on()
    /count/name             a page that says how often it was asked for
    /type                   a content type that is no UTF-8
    /links?URL&URL          a page with these links
    /toolong                a page with a link of 3000 bytes
    everything else         a file of the root, after .delay seconds; if
                            .hold is a number, only so many before go_on()
"""
import asyncio
import collections
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

PAGE = "<!DOCTYPE html><title>{0}</title><p>{0}\n"


class FakeSite:
    def __init__(self, root=None, delay=0.0, hold=None):
        self.root = root and Path(root)
        self.delay = delay
        self.hold = hold        # so many files, all others after go_on()
        self.asked = collections.Counter()
        self.tasks = set()
        self.loop = asyncio.new_event_loop()
        self.held = asyncio.Event()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(ready,))
        self.thread.start()
        ready.wait()
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(
            self.serve, "127.0.0.1", 0, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()
        server.close()
        for task in self.tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def go_on(self):
        self.loop.call_soon_threadsafe(self.held.set)

    def __enter__(self):
        return self

    def __exit__(self, *wrong):
        self.close()

    # --- one connection ----------------------------------------------------

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            while await self.request(reader, writer):
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError,
                asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def request(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        target = head.split(b" ", 2)[1].decode("latin-1")
        self.asked[target] += 1
        words = urlsplit(target).path.split("/")[1:]
        special = getattr(self, "do_" + words[0], None)
        if special:
            return await special(writer, words[1:], target)
        await asyncio.sleep(self.delay)
        if self.hold is not None:
            self.hold -= 1
            if self.hold < 0:
                await self.held.wait()
        return self.file(writer, target)

    def file(self, writer, target):
        file = self.root and self.root / unquote(
            urlsplit(target).path).lstrip("/")
        if not file or not file.is_file():
            return self.answer(writer, 404, b"no such file\n", "text/plain")
        kind = "text/html" if file.suffix == ".html" else "text/plain"
        return self.answer(writer, 200, file.read_bytes(), kind)

    def answer(self, writer, status, body, kind="text/html", *headers):
        if isinstance(body, str):
            body = body.encode()
        if isinstance(kind, str):
            kind = kind.encode()
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n"
                     .encode() + b"Content-Type: " + kind + b"\r\n"
                     + b"".join(line.encode() + b"\r\n" for line in headers)
                     + b"\r\n" + body)
        return True

    # --- special paths -----------------------------------------------------

    async def do_404(self, writer, words, target):
        return self.answer(writer, 404, "nothing here\n")

    async def do_500(self, writer, words, target):
        if words and self.asked[target] > int(words[0]):
            return self.answer(writer, 200, PAGE.format(target))
        return self.answer(writer, 500, "out of order\n")

    async def do_to(self, writer, words, target):
        return self.answer(writer, 302, "", "text/html",
                           "Location: /" + "/".join(words))

    async def do_away(self, writer, words, target):
        return self.answer(writer, 302, "", "text/html",
                           f"Location: {self.away}")

    async def do_loop(self, writer, words, target):
        return self.answer(writer, 302, "", "text/html", "Location: /loop")

    async def do_size(self, writer, words, target):
        return self.answer(writer, 200, b"x" * int(words[0]))

    async def do_chunked(self, writer, words, target):
        writer.write(b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n"
                     b"Content-Type: text/html\r\n\r\n")
        for _ in range(int(words[0]) // 1000):
            writer.write(b"3e8\r\n" + b"y" * 1000 + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return True

    async def do_hang(self, writer, words, target):
        await asyncio.sleep(3600)

    async def do_close(self, writer, words, target):
        return False

    async def do_cut(self, writer, words, target):
        writer.write(b"HTTP/1.1 200 x\r\nContent-Length: 1000\r\n"
                     b"Content-Type: text/html\r\n\r\nnot all of it")
        await writer.drain()
        return False

    async def do_slow(self, writer, words, target):
        await asyncio.sleep(float(words[0]))
        return self.answer(writer, 200, PAGE.format(target))

    async def do_held(self, writer, words, target):
        await self.held.wait()
        return self.answer(writer, 200, PAGE.format(target))

    async def do_count(self, writer, words, target):
        n = self.asked[target]
        await asyncio.sleep(self.delay)
        return self.answer(writer, 200, PAGE.format(f"time {n}"))

    async def do_type(self, writer, words, target):
        return self.answer(writer, 200, PAGE.format(target),
                           b"text/html; charset=\xff\xfe")

    async def do_toolong(self, writer, words, target):
        return self.answer(writer, 200, f'<a href="/{"x" * 3000}">x</a>')

    async def do_links(self, writer, words, target):
        links = unquote(target.partition("?")[2]).split("&")
        return self.answer(writer, 200, "<!DOCTYPE html>" + "".join(
            f'<a href="{link}">x</a>' for link in links))
