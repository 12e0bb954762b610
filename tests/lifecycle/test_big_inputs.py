"""Big inputs: few of them are in memory at once, however many are to be submitted."""

import asyncio
from typing import Any

from starlette.responses import JSONResponse, Response

from orchestrator.domain.ids import ConsumerId
from orchestrator.lifecycle.inputs import encode_input, keep_input
from orchestrator.lifecycle.services import Services
from orchestrator.lifecycle.submit import submit
from tests.fakes import World
from tests.lifecycle.acting import ask
from tests.working import open_handoffs

AT_ONCE = 4


async def test_only_a_few_big_inputs_are_sent_at_the_same_time(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    gate = asyncio.Event()

    async def slowly(_: dict[str, Any]) -> Response:
        await gate.wait()
        return JSONResponse({"task_id": "up"})

    world.answers += [slowly] * 6
    given = {"model": "gpt-image-2", "prompt": "a heron", "image": "data:image/png;base64," + "A" * 200_000}
    shown, key = await keep_input(services, encode_input(given))
    open_handoffs(services)
    for _ in range(6):
        await ask(services, consumer, operation="openai/images/edits", input=shown, input_blob=key)
    orders = await services.handoffs.submit.take(6)

    sending = asyncio.gather(*(submit(services, job, task) for job, task in orders))
    async with asyncio.timeout(10):
        await world.until(lambda seen: len(seen.submits) == AT_ONCE)
        held = services.big_inputs.locked()
        gate.set()
        await sending

    assert held
    assert len(world.submits) == 6
    assert all(submitted["image"] == given["image"] for submitted in world.submits)
