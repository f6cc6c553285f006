"""A node inside your own aiohttp application.

    python embed.py            then open http://127.0.0.1:9000/

Your application serves what it wants; below /live the node serves its page, WHIP and
WHEP.  Media runs over the node's UDP port, as always.
"""

from __future__ import annotations

import argparse
import asyncio
import signal

from aiohttp import web

from meshnode import MeshNode, Settings

NODE = web.AppKey("node", MeshNode)


async def index(request: web.Request) -> web.Response:
    """Our own page: what is on the air at the moment."""
    streams = [stream.name for stream in request.app[NODE].streams()]
    text = f"{len(streams)} streams: {', '.join(streams) or 'none'}\n"
    return web.Response(text=text + "publish and watch at /live/\n")


async def serve(port: int, media_port: int) -> None:
    """Run both until SIGTERM or Ctrl-C."""
    # listen=False: the node opens its media port and no HTTP of its own
    settings = Settings(port=media_port)
    async with MeshNode(settings, listen=False) as node:
        app = web.Application()
        app[NODE] = node
        app.router.add_get("/", index)
        node.add_routes(app, "/live")
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
        await stop_signal()
        await node.drain()
        await runner.cleanup()


async def stop_signal() -> None:
    """Wait for the end.  A library installs no handlers, a program does."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9000, help="HTTP of this program")
    parser.add_argument("--media-port", type=int, default=5000, help="UDP of the node")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.media_port))
