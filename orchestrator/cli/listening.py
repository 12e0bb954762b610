"""Serving an ASGI application, on a port that was taken beforehand and until somebody asks for the end.

The application's lifespan is entered here and not by uvicorn, which makes a traceback of a start that fails and no
exit code of an end that does. Its handling of signals is left out too: it would end the process with the signal as
soon as the last request is answered, before the workers have drained.
"""

import asyncio
import gc
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.cli.failures import Failure
from orchestrator.cli.heads import BoundedHeads
from orchestrator.cli.running import Stop

GRACE_SECONDS: Final = 3
"""How long open requests may take after the signal. With the workers' drain it stays under the 15 s of a good end."""
BACKLOG: Final = 2048

_COME_BACK: Final[tuple[Message, ...]] = (
    {
        "type": "http.response.start",
        "status": 503,
        "headers": [(b"retry-after", b"1"), (b"content-length", b"0"), (b"connection", b"close")],
    },
    {"type": "http.response.body"},
)

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


def port_of(listener: socket.socket) -> int:
    """The port that a socket is bound to."""
    return int(listener.getsockname()[1])


def address_of(listener: socket.socket) -> str:
    """The URL under which a bound socket is reached from this machine."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_until(
    stop: Stop,
    app: Starlette,
    listener: socket.socket,
    *,
    name: str,
    starting: AbstractContextManager[None] = nullcontext(),  # noqa: B008 - it holds nothing and can be entered again
    stopping: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> None:
    """Start an application within `starting`, serve it until the end is asked for, and shut it down.

    `stopping` is given the application's state before it stops listening, to let go of requests that are held.
    """
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        with starting:
            state = await stack.enter_async_context(app.router.lifespan_context(app))
        await stack.enter_async_context(listening(app, listener, state))
        stop.is_started = True
        _calm_the_collector()
        logger.info("%s.ready url=%s seconds=%.2f", name, address_of(listener), time.monotonic() - began)
        await stop.asked.wait()
        logger.info("%s.stopping", name)
        stopping(state or {})


@asynccontextmanager
async def listening(
    app: ASGIApp, listener: socket.socket, state: Mapping[str, Any] | None = None
) -> AsyncIterator[None]:
    """Answer requests while the block runs; each is given its own copy of `state`.

    Raises Failure when somebody else was faster to listen on the same address.
    """
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise Failure(f"cannot listen on {address_of(listener)}: {error.strerror}.") from error
    server = _Server(_config(_with_manners(app, state or {})))
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


def _calm_the_collector() -> None:
    """Let the garbage collector look at what is new, and seldom at what stays.

    With its defaults it walks everything that is waiting in memory, again and again while a burst is taken in:
    measured, that was about a fifth of the service's time under load. Modules and routes never become garbage and are
    set aside.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


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
        http=BoundedHeads,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        # Longer than the idle time of the usual proxies and clients, so that it is they who close.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _with_manners(app: ASGIApp, state: Mapping[str, Any]) -> ASGIApp:
    """Give each request its own copy of the state, and a request that is cut off at the end an answer that says so."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = dict(state)
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            # Long polls and event streams outlive any patience. uvicorn would answer 500 and log a traceback for each.
            for message in _COME_BACK:
                with suppress(RuntimeError):  # what the server says of a part that was sent already
                    await send(message)

    return call
