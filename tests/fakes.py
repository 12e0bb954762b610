"""The outside world in one small server: a provider that answers as it is told, media links, and webhook endpoints.

The sandbox is the realistic upstream; this one is for tests of the verbs, where every answer must be chosen.
"""

import asyncio
import io
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Answer = Response | Callable[[dict[str, Any]], Response]


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
    media: dict[str, Answer] = field(default_factory=dict)
    hooks: dict[str, list[Response]] = field(default_factory=lambda: defaultdict(list))
    """Answers of an endpoint to the next webhooks; afterwards 204."""
    fetched: list[str] = field(default_factory=list)
    hang: asyncio.Event = field(default_factory=asyncio.Event)
    """What hangs, hangs until this is set."""
    url: str = ""

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
        if self.answers:
            answer = self.answers.pop(0)
            return answer(body) if callable(answer) and not isinstance(answer, Response) else answer  # type: ignore[return-value]
        return JSONResponse({"task_id": f"up-{len(self.submits)}"})

    async def _tasks(self, request: Request) -> Response:
        question = await request.json()
        self.questions.append(question)
        if question["action"] == "retrieve":
            return JSONResponse(self.records.get(question.get("trace_id") or question.get("id"), {}))
        keys = question.get("ids") or question.get("trace_ids")
        items = [self.records[key] for key in keys if key in self.records]
        return JSONResponse({"items": items, "count": len(items)})

    async def _media(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.fetched.append(name)
        answer = self.media.get(name, Response(status_code=404))
        return answer if isinstance(answer, Response) else answer({})

    async def _hook(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.webhooks[name].append((dict(request.headers), await request.body()))
        return self.hooks[name].pop(0) if self.hooks[name] else Response(status_code=204)

    async def _hang(self, request: Request) -> Response:
        self.webhooks[request.path_params["name"]].append((dict(request.headers), await request.body()))
        await self.hang.wait()
        return Response(status_code=204)

    def told(self, name: str) -> list[dict[str, Any]]:
        """The bodies of the webhooks that an endpoint got."""
        return [json.loads(body) for _, body in self.webhooks[name]]
