"""Reading the outcome of a reply, wherever its body is kept.

A body over the inline limit is read back and decoded one at a time, in a thread: decoding takes several times the
body's size, and sixty-four of them may arrive together.
"""

import asyncio

import msgspec

from orchestrator.domain.callback import Callback, Source
from orchestrator.domain.job import service_of
from orchestrator.domain.outcome import Outcome
from orchestrator.lifecycle.services import Services
from orchestrator.providers.provider import outcome_of_answer
from orchestrator.providers.replies import read_callback, read_record
from orchestrator.storage.callbacks import find_callbacks


async def read_reply(services: Services, callback: Callback, body: object, *, operation: str) -> Outcome:
    """What a reply amounts to; `body` is its decoded body where somebody has it in hand, or None."""
    if body is not None:
        return _outcome(callback, body, operation)
    if callback.body is None and callback.body_key is None:
        async with services.db.reading() as tx:
            callback = (await find_callbacks(tx, [callback.id]))[callback.id]
    if callback.body_key is None:
        assert callback.body is not None
        return _outcome(callback, msgspec.json.decode(callback.body), operation)
    async with services.big_bodies:
        return await read_big_reply(services, callback, callback.body_key, operation=operation)


async def read_big_reply(services: Services, callback: Callback, body_key: str, *, operation: str) -> Outcome:
    """The same for a body in the blob store. The caller holds `services.big_bodies`, for as long as it holds what comes
    of it."""
    kept = await services.blobs.read(body_key)
    return await asyncio.to_thread(lambda: _outcome(callback, msgspec.json.decode(kept), operation))


def _outcome(callback: Callback, body: object, operation: str) -> Outcome:
    service = service_of(operation)
    match callback.source:
        case Source.CALLBACK:
            return read_callback(body, service=service)
        case Source.ANSWER:
            return outcome_of_answer(callback.status or 200, body, service=service)
        case Source.POLL:
            return read_record(body, service=service)
