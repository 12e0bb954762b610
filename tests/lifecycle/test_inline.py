"""Results whose bytes are in the reply itself, small and spooled."""

import base64
import hashlib
from typing import Any

import msgspec
import pytest
from starlette.responses import JSONResponse

from orchestrator.blobs.base import blob_key
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.lifecycle.receive import inbox_key, receive_spooled
from orchestrator.lifecycle.services import Services
from orchestrator.storage.callbacks import list_by_task
from orchestrator.workers.stations import SETTLE
from orchestrator.workers.supervisor import work_off
from tests.clock import Clock
from tests.fakes import World, png
from tests.lifecycle.acting import call_back, change, see, see_assets, see_tasks, submitted
from tests.working import lose_memory, run_until_idle


def inline(*pictures: bytes, **more: Any) -> dict[str, Any]:
    """A result with its pictures in it."""
    items = [{"b64_json": base64.b64encode(picture).decode()} for picture in pictures]
    return {"success": True, "task_id": "up-1", "data": {"created": 1770000000, "data": items}} | more


@pytest.mark.parametrize("pictures", [[png()], [png("red"), png("navy"), png("gold")]], ids=["one", "several"])
@pytest.mark.parametrize("remembered", [True, False])
async def test_pictures_inside_the_callback_are_decoded_and_stored(
    services: Services, consumer: ConsumerId, clock: Clock, pictures: list[bytes], remembered: bool
) -> None:
    job, task = await submitted(services, consumer)

    await call_back(services, task, inline(*pictures))
    if not remembered:
        lose_memory(services)
        clock.advance(seconds=61)
    await run_until_idle(services)

    assets = await see_assets(services, job.id)
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert [asset.source_url for asset in assets] == [None] * len(pictures)
    assert [await services.blobs.read(blob_key(asset.sha256 or "")) for asset in assets] == pictures


async def test_pictures_inside_the_answer_to_the_submit_are_stored(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    world.answers.append(JSONResponse({"created": 1, "data": inline(png())["data"]["data"]}))

    job, _task = await submitted(services, consumer)

    (asset,) = await see_assets(services, job.id)
    assert job.state is JobState.SUCCEEDED
    assert asset.sha256 == hashlib.sha256(png()).hexdigest()
    assert len(world.submits) == 1


async def test_links_and_bytes_may_stand_side_by_side(services: Services, world: World, consumer: ConsumerId) -> None:
    job, task = await submitted(services, consumer)
    body = inline(png("red"))
    body["data"]["data"].insert(0, {"url": world.serve("a.png")})

    await call_back(services, task, body)
    await run_until_idle(services)

    first, second = await see_assets(services, job.id)
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert await services.blobs.read(blob_key(first.sha256 or "")) == png()
    assert await services.blobs.read(blob_key(second.sha256 or "")) == png("red")


@pytest.mark.parametrize(
    ("encoded", "code"),
    [
        ("!!! this is no base64 !!!", "asset_corrupt"),
        (base64.b64encode(b"plain words, no picture").decode(), "asset_not_media"),
        (base64.b64encode(png()[:-20]).decode(), "asset_truncated"),
    ],
)
async def test_bytes_that_are_no_picture_fail_the_job_at_once(
    services: Services, consumer: ConsumerId, encoded: str, code: str
) -> None:
    job, task = await submitted(services, consumer)

    await call_back(services, task, {"success": True, "task_id": "up-1", "data": [{"b64_json": encoded}]})
    await run_until_idle(services)

    after = await see(services, job.id)
    assert (after.state, after.error and after.error["code"]) == (JobState.FAILED, code)


async def test_bytes_that_are_too_many_fail_the_job_at_once(services: Services, consumer: ConsumerId) -> None:
    change(services, max_asset_bytes=len(png()) - 1)
    job, task = await submitted(services, consumer)

    await call_back(services, task, inline(png()))
    await run_until_idle(services)

    after = await see(services, job.id)
    assert (after.state, after.error and after.error["code"]) == (JobState.FAILED, "asset_too_large")


async def _spool(services: Services, task_id: Any, body: dict[str, Any]) -> str:
    encoded = msgspec.json.encode(body)
    key = inbox_key("big")
    await services.blobs.put(key, encoded)
    await receive_spooled(services, task_id, body_key=key, digest=hashlib.sha256(encoded).hexdigest())
    return key


async def test_a_big_callback_is_read_back_from_the_store(services: Services, consumer: ConsumerId) -> None:
    job, task = await submitted(services, consumer)
    big = inline(png("red"), png("navy"), padding="x" * 300_000)

    await _spool(services, task.id, big)
    await run_until_idle(services)

    assets = await see_assets(services, job.id)
    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert [await services.blobs.read(blob_key(asset.sha256 or "")) for asset in assets] == [png("red"), png("navy")]


async def test_a_big_inline_answer_is_spooled_and_not_kept_in_its_row(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    world.answers.append(JSONResponse(inline(png(), padding="x" * 300_000)))

    job, task = await submitted(services, consumer)

    async with services.db.reading() as tx:
        ((callback, _),) = await list_by_task(tx, [task.id])
    assert job.state is JobState.SUCCEEDED
    assert callback.body is None
    assert callback.body_key is not None
    assert (await services.blobs.size(callback.body_key) or 0) > 300_000


async def test_a_body_that_is_gone_from_the_store_fails_its_job_in_the_end_and_says_so(
    services: Services, consumer: ConsumerId, clock: Clock
) -> None:
    """Lost bytes must not leave a job `storing` for ever."""
    job, task = await submitted(services, consumer)
    key = await _spool(services, task.id, inline(png()))
    await _settle_only(services)
    await services.blobs.delete(key)
    for _ in range(30):
        await run_until_idle(services)
        due_at = (await see(services, job.id)).due_at
        if due_at is None:
            break
        clock.now = max(clock.now, due_at)

    after = await see(services, job.id)
    assert (after.state, after.error and after.error["code"]) == (JobState.FAILED, "asset_unavailable")
    assert [task.state for task in await see_tasks(services, job.id)] == ["succeeded"]


async def _settle_only(services: Services) -> None:
    await work_off(services, stations=[SETTLE])
    lose_memory(services)
