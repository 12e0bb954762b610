"""The yardstick: a Starlette application that does nothing but answer a POST with its own body.

It runs as the service does (uvicorn, uvloop, httptools, no access log) in a process of its own, so that a figure
beside it says what the service's work costs and not what this machine is.
"""

import asyncio
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.loops import run
from benchmarks.peer import announce, parent_gone
from benchmarks.wire import HOST


async def echo(request: Request) -> Response:
    """Answer with the request's body."""
    return Response(await request.body())


async def main() -> None:
    """Serve the echo on a free port until the parent process is gone."""
    app = Starlette(routes=[Route("/", echo, methods=["POST"])])
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    with socket.create_server((HOST, 0), backlog=1024) as listener:
        announce(listener.getsockname()[1])
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listener]))
            await parent_gone()
            server.should_exit = True


if __name__ == "__main__":
    run(main())
