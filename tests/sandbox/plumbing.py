"""What the sandbox's tests stand on: a sandbox in this process, somebody who takes its callbacks, a real server."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from orchestrator.sandbox.app import create_sandbox
from orchestrator.sandbox.options import SandboxOptions

CALLBACK_URL = "http://receiver.example.com/callbacks/one"
PATIENCE = 10.0  # seconds after which a test gives up; nothing here takes that long


class Clock:
    """Seconds since 1970 that pass only when told to."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Receiver:
    """Takes callbacks, and answers each with the next of `answers`, or 200."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self._bodies: asyncio.Queue[bytes] = asyncio.Queue()
        self.app = Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self._bodies.put_nowait(await request.body())
        return PlainTextResponse("", self.answers.pop(0) if self.answers else 200)

    async def raw(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self._bodies.get()

    async def next(self) -> dict[str, Any]:
        body: dict[str, Any] = httpx.Response(200, content=await self.raw()).json()
        return body

    @property
    def is_empty(self) -> bool:
        return self._bodies.empty()


@dataclass
class Stage:
    """A running sandbox, a client of it, and the receiver of its callbacks."""

    client: httpx.AsyncClient
    receiver: Receiver
    clock: Clock
    app: Starlette

    async def submit(self, path: str = "/openai/images/generations", told: str = "", **body: Any) -> httpx.Response:
        fields = {"model": "gpt-image-1", "prompt": "a paper boat", "size": "128x128", **body}
        headers = {"x-sandbox": told} if told else {}
        return await self.client.post(path, json=fields, headers=headers)

    async def ordered(self, told: str = "", **body: Any) -> dict[str, Any]:
        """Submit with a callback, and wait for it."""
        answer = await self.submit(told=told, callback_url=CALLBACK_URL, **body)
        assert answer.status_code == 200, answer.text
        return await self.receiver.next()

    async def link(self, told: str = "", **body: Any) -> str:
        """The media link of a picture that was made as told."""
        answer = await self.submit(told=told, **body)
        url: str = answer.json()["data"][0]["url"]
        return url

    async def finished(self, task_id: str) -> None:
        """Wait until the task has ended."""
        task = self.app.state.sandbox.book.find(task_id=task_id)
        async with asyncio.timeout(PATIENCE):
            await task.finished.wait()

    async def inspect(self, what: str, **query: str) -> Any:
        return (await self.client.get(f"/_sandbox/{what}", params=query)).json()


@asynccontextmanager
async def playing(options: SandboxOptions | None = None) -> AsyncIterator[Stage]:
    """A sandbox whose lifespan runs, with results at once unless the options say otherwise."""
    receiver, clock = Receiver(), Clock()
    app = create_sandbox(options or SandboxOptions(delay=0), transport=httpx.ASGITransport(receiver.app), clock=clock)
    headers, transport = {"authorization": "Bearer token"}, httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://sandbox.example.com", headers=headers) as client,
    ):
        yield Stage(client, receiver, clock, app)


class Server(uvicorn.Server):
    """uvicorn in this loop: says when it has started, and leaves the signals to pytest."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(uvicorn.Config(app, port=0, http="httptools", log_level="warning", log_config=None))
        self.is_up = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The application behind a real server on a free port; gives its address."""
    server = Server(app)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await server.is_up.wait()
        try:
            yield server.url
        finally:
            server.should_exit = True


def opened(data: bytes) -> Image.Image:
    """The picture in these bytes, decoded to the last pixel."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
