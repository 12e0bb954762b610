"""The outside world in one small server: a provider that answers as it is told, media links, and webhook endpoints.

The sandbox is the realistic upstream; this one is for tests of the verbs, where every answer must be chosen.
"""

import asyncio
import errno
import io
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.blobs.local import LocalStore

Answer = Response | Callable[[dict[str, Any]], Response | Awaitable[Response]]


class CrampedStore(LocalStore):
    """A folder on a disk that can run full."""

    is_full = False

    def _write(self, target: Path, source: Path | bytes) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super()._write(target, source)


def png(color: str = "teal", size: tuple[int, int] = (32, 16)) -> bytes:
    """A real picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class World:
    """What happened at the provider and at the endpoints, and what they answer."""

    submits: list[dict[str, Any]] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    webhooks: dict[str, list[tuple[dict[str, str], bytes]]] = field(default_factory=lambda: defaultdict(list))
    answers: list[Answer] = field(default_factory=list)
    """Answers to the next submits; afterwards every submit is accepted."""
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the tasks interface knows, by task id and by trace id."""
    evasion: Response | None = None
    """What the tasks interface answers instead, as long as this is set."""
    batch: list[dict[str, Any]] | None = None
    """What every question about several tasks is answered with, instead of the records."""
    media: dict[str, Answer] = field(default_factory=dict)
    hooks: dict[str, list[Response]] = field(default_factory=lambda: defaultdict(list))
    """Answers of an endpoint to the next webhooks; afterwards 204."""
    fetched: list[str] = field(default_factory=list)
    hang: asyncio.Event = field(default_factory=asyncio.Event)
    """What hangs, hangs until this is set."""
    url: str = ""
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def app(self) -> Starlette:
        """The server of all this."""
        return Starlette(
            routes=[
                Route("/media/{name}", self._media),
                Route("/hook/{name}", self._hook, methods=["POST"]),
                Route("/hang/{name}", self._hang, methods=["POST", "GET"]),
                Route("/{service}/tasks", self._tasks, methods=["POST"]),
                Route("/{path:path}", self._submit, methods=["POST"]),
            ]
        )

    def serve(self, name: str, content: bytes | None = None, *, content_type: str = "image/png") -> str:
        """Put a picture on the provider's shelf, and return its link."""
        self.media[name] = Response(png() if content is None else content, media_type=content_type)
        return f"{self.url}/media/{name}"

    def result(self, *names: str, task_id: str = "up-1") -> dict[str, Any]:
        """The callback of a success with these pictures."""
        links = [{"url": self.serve(name), "revised_prompt": f"{name}, painted"} for name in names]
        return {"success": True, "task_id": task_id, "trace_id": "t", "data": {"created": 1770000000, "data": links}}

    async def _submit(self, request: Request) -> Response:
        body: dict[str, Any]
        if request.headers["content-type"].startswith("multipart/"):
            form = await request.form()
            body = {key: [await v.read() if hasattr(v, "read") else v for v in form.getlist(key)] for key in form}
            await form.close()
        else:
            body = await request.json()
        self.submits.append(body | {"_path": request.url.path, "_auth": request.headers.get("authorization")})
        self._moved.set()
        if self.answers:
            return await _given(self.answers.pop(0), body)
        return JSONResponse({"task_id": f"up-{len(self.submits)}"})

    async def _tasks(self, request: Request) -> Response:
        question = await request.json()
        self.questions.append(question)
        self._moved.set()
        if self.evasion is not None:
            return self.evasion
        if question["action"] == "retrieve":
            return JSONResponse(self.records.get(question.get("trace_id") or question.get("id"), {}))
        keys = question.get("ids") or question.get("trace_ids")
        items = [self.records[key] for key in keys if key in self.records] if self.batch is None else self.batch
        return JSONResponse({"items": items, "count": len(items)})

    async def _media(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.fetched.append(name)
        self._moved.set()
        return await _given(self.media.get(name, Response(status_code=404)), {})

    async def _hook(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.webhooks[name].append((dict(request.headers), await request.body()))
        self._moved.set()
        return self.hooks[name].pop(0) if self.hooks[name] else Response(status_code=204)

    async def _hang(self, request: Request) -> Response:
        self.webhooks[request.path_params["name"]].append((dict(request.headers), await request.body()))
        self._moved.set()
        await self.hang.wait()
        return Response(status_code=204)

    def told(self, name: str) -> list[dict[str, Any]]:
        """The bodies of the webhooks that an endpoint got."""
        return [json.loads(body) for _, body in self.webhooks[name]]

    async def until(self, happened: Callable[["World"], Any]) -> None:
        """Wait until this has happened here; each request is looked at as it arrives."""
        async with asyncio.timeout(10):
            while not happened(self):
                self._moved.clear()
                await self._moved.wait()


async def _given(answer: Answer, body: dict[str, Any]) -> Response:
    if isinstance(answer, Response):
        return answer
    made = answer(body)
    return made if isinstance(made, Response) else await made
