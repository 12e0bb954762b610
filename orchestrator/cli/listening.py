"""Serving an ASGI application, on a port that was taken beforehand and until somebody asks for the end.

The application's lifespan is entered here and not by uvicorn, which makes a traceback of a start that fails and no
exit code of an end that does. Its handling of signals is left out too: it would end the process with the signal as
soon as the last request is answered, before the workers have drained.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.cli.failures import Failure, starting
from orchestrator.cli.running import Stop

GRACE_SECONDS: Final = 3
"""How long open requests may take after the signal. With the workers' drain it stays under the 15 s of a good end."""

logger = logging.getLogger(__name__)


def bind(host: str, port: int) -> socket.socket:
    """A socket of that address, 0 for any free port. Nobody can connect until the server listens on it.

    Raises Failure, in a sentence that names the address.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Failure(f"cannot listen on {host} port {port}: {error.strerror}.") from error
    try:
        # A process that died a moment ago must not keep its successor from the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise Failure(f"cannot listen on {host} port {port}: {error.strerror}.") from error
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL under which a bound socket is reached from this machine."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_until(stop: Stop, app: Starlette, listener: socket.socket, *, name: str) -> None:
    """Start an application, serve it until the end is asked for, and shut it down.

    Raises Failure when it cannot start.
    """
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        with starting(f"{name} cannot start"):
            state = await stack.enter_async_context(app.router.lifespan_context(app))
            await stack.enter_async_context(listening(app, listener, state))
        stop.is_started = True
        logger.info("%s.ready url=%s seconds=%.2f", name, address_of(listener), time.monotonic() - began)
        await stop.asked.wait()
        logger.info("%s.stopping", name)


@asynccontextmanager
async def listening(
    app: ASGIApp, listener: socket.socket, state: Mapping[str, Any] | None = None
) -> AsyncIterator[None]:
    """Answer requests while the block runs; each is given its own copy of `state`."""
    server = _Server(_config(_with_state(app, state or {})))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[listener]))
        await server.up.wait()
        try:
            yield
        except asyncio.CancelledError:
            server.force_exit = True
            raise
        finally:
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to whoever runs the loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self.up.set()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        # Longer than the idle time of the usual proxies and clients, so that it is they who close.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _with_state(app: ASGIApp, state: Mapping[str, Any]) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = dict(state)
        await app(scope, receive, send)

    return call
