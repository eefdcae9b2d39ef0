# SPDX-License-Identifier: MIT
"""Row echo: asyncio streams on uvloop; --url is the program echo_load."""
import asyncio
import subprocess

import py_common


async def main(opt):
    over = asyncio.Event()
    connections = 0

    async def echo(reader, writer):
        nonlocal connections
        connections += 1
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()
        finally:
            connections -= 1
            if connections == 0:
                over.set()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    load = subprocess.Popen([opt.url, str(port), str(opt.connections),
                             str(opt.size), str(opt.seconds)])
    await over.wait()
    server.close()
    load.returncode = 0         # not waited for: it is not the server's work


py_common.run(main)
