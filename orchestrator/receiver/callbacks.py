"""`POST /callbacks/{task_id}/{token}`: authenticate, bound the body, record it, answer. Nothing else happens here.

The token is checked before a byte of the body is read, and without the database: a stranger costs one HMAC. A body over
the inline limit goes to a scratch file while it arrives, and into the blob store once it was seen to be a JSON object,
which is done one at a time: sixty-four bodies of 40 MB may come at once.
"""

import asyncio
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orchestrator.domain.errors import NotFound
from orchestrator.domain.ids import TaskId
from orchestrator.domain.signing import verify_callback_token
from orchestrator.lifecycle.receive import inbox_key, receive, receive_spooled
from orchestrator.lifecycle.services import Services
from orchestrator.storage.callbacks import find_existing_tasks
from orchestrator.web.decoding import read_object
from orchestrator.web.limits import Spooled, incoming
from orchestrator.web.queries import as_id
from orchestrator.web.state import Request

_RECEIVED: Final = b'{"success":true}'


async def receive_callback(request: Request) -> Response:
    """Record a callback, and answer once it is on the disk."""
    services = request.state["services"]
    task_id = _admit(request, services)
    async with incoming(request, services, limit=services.policy.max_callback_bytes) as body:
        if isinstance(body, Spooled):
            await _receive_big(services, task_id, body)
        else:
            await receive(services, task_id, body=body, decoded=read_object(body))
    return Response(_RECEIVED, media_type="application/json")


def _admit(request: Request, services: Services) -> TaskId:
    """The task that the token in the path proves, or NotFound."""
    given, token = request.path_params["task_id"], request.path_params["token"]
    task_id = as_id(given)
    if task_id is None or not verify_callback_token(services.secret_keys, task_id, token):
        raise NotFound("There is nothing here.")
    return TaskId(task_id)


async def _receive_big(services: Services, task_id: TaskId, body: Spooled) -> None:
    async with services.big_bodies:
        await asyncio.to_thread(_check, body.path)
    async with services.db.reading() as tx:
        known = await find_existing_tasks(tx, [task_id])
    if not known:
        raise NotFound("There is nothing here.")
    # The same bytes for the same task have the same key, so that a repeated callback leaves no second copy.
    key = inbox_key(f"{task_id}-{body.sha256}")
    await services.blobs.put(key, body.path)
    await receive_spooled(services, task_id, body_key=key, digest=body.sha256)


def _check(path: Path) -> None:
    read_object(path.read_bytes())


routes: Final[list[BaseRoute]] = [Route("/callbacks/{task_id}/{token}", receive_callback, methods=["POST"])]
