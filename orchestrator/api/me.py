"""Who am I: what a consumer's key stands for, and the secret that signs a job's own `callback_url`."""

from typing import Final

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orchestrator.storage.consumers import find_consumers
from orchestrator.web.answers import json_answer
from orchestrator.web.auth import authenticate
from orchestrator.web.state import Request


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """The consumer behind the key."""

    consumer: str
    scopes: list[str]
    webhook_secret: str
    """Verifies what is sent to a job's own `callback_url`."""


async def show_me(request: Request) -> Response:
    """The consumer behind the key of this request."""
    caller = await authenticate(request)
    async with request.state["services"].db.reading() as tx:
        consumer = (await find_consumers(tx, [caller.consumer_id]))[caller.consumer_id]
    me = Me(consumer=consumer.name, scopes=list(caller.scopes), webhook_secret=consumer.webhook_secret)
    return json_answer(me, headers={"cache-control": "no-store"})


routes: Final[list[BaseRoute]] = [Route("/v1/me", show_me)]
