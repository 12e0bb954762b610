"""Prune: what retention allows to forget is forgotten, and nothing else."""

import os
from datetime import timedelta

import pytest

from orchestrator.blobs.base import blob_key
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import Job, JobState
from orchestrator.lifecycle.prune import prune
from orchestrator.lifecycle.receive import inbox_key, receive_spooled
from orchestrator.lifecycle.services import Services
from orchestrator.storage.assets import insert_blobs
from orchestrator.storage.retention import delete_blob
from tests.clock import Clock
from tests.fakes import World, png
from tests.lifecycle.acting import (
    FAILURE,
    ask,
    call_back,
    change,
    count,
    listen,
    see,
    see_assets,
    see_inbox,
    submitted,
)
from tests.working import run_until_idle

DAY = 86_400


async def prune_untouched(services: Services) -> bool:
    """Prune when no file was put for long: their times are the real clock's, and cannot be advanced."""
    folder = services.blobs.scratch.parent
    for file in (path for path in folder.rglob("*") if path.is_file()):
        os.utime(file, (0, 0))
    return await prune(services)


async def finished(services: Services, world: World, consumer: ConsumerId, name: str = "a.png") -> Job:
    """A job that succeeded, with one picture."""
    job, task = await submitted(services, consumer)
    await call_back(services, task, world.result(name, task_id=task.upstream_task_id or ""))
    await run_until_idle(services)
    return await see(services, job.id)


async def test_a_key_can_be_used_anew_after_its_time(services: Services, consumer: ConsumerId, clock: Clock) -> None:
    first = await ask(services, consumer, idempotency_key="k")

    clock.advance(seconds=DAY)
    await prune_untouched(services)
    same = await ask(services, consumer, idempotency_key="k")
    clock.advance(seconds=1)
    await prune_untouched(services)
    other = await ask(services, consumer, idempotency_key="k", request_digest="another")

    assert same.job.id == first.job.id
    assert other.job.id != first.job.id
    assert not other.is_replay


async def test_settled_callbacks_of_ended_jobs_are_forgotten_with_their_spooled_bodies(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job = await finished(services, world, consumer)
    running, task = await submitted(services, consumer)
    key = inbox_key("big")
    await services.blobs.put(key, b'{"task_id": "up-2", "progress": 5}')
    await receive_spooled(services, task.id, body_key=key, digest="big")
    await run_until_idle(services)

    clock.advance(seconds=7 * DAY + 1)
    await prune_untouched(services)
    kept = await see_inbox(services, running.id)
    await call_back(services, task, {**FAILURE, "task_id": "up-2"})
    await run_until_idle(services)
    clock.advance(seconds=7 * DAY + 1)
    await prune_untouched(services)

    assert await see_inbox(services, job.id) == []
    assert kept == ["progress"]
    assert await count(services, "callbacks") == 0
    assert await services.blobs.size(key) is None
    assert (await see(services, job.id)).state is JobState.SUCCEEDED


async def test_old_attempts_are_forgotten_and_their_deliveries_kept(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    await finished(services, world, consumer)

    clock.advance(seconds=30 * DAY)
    await prune_untouched(services)
    before = await count(services, "attempts")
    clock.advance(seconds=1)
    await prune_untouched(services)

    assert (before, await count(services, "attempts")) == (1, 0)
    assert await count(services, "deliveries") == 1


async def test_jobs_are_kept_for_ever_unless_somebody_says_otherwise(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job = await finished(services, world, consumer)

    clock.advance(seconds=10_000 * DAY)
    await prune_untouched(services)

    (asset,) = await see_assets(services, job.id)
    assert await services.blobs.read(blob_key(asset.sha256 or "")) == png()


async def test_old_jobs_are_forgotten_with_everything_that_hangs_on_them(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    change(services, retain_jobs=timedelta(days=2))
    await listen(services, consumer, f"{world.url}/hook/a")
    job = await finished(services, world, consumer)
    (asset,) = await see_assets(services, job.id)
    running, _ = await submitted(services, consumer)

    clock.advance(seconds=2 * DAY + 1)
    await prune_untouched(services)

    counts = {table: await count(services, table) for table in ("jobs", "tasks", "callbacks", "assets", "events")}
    assert counts == {"jobs": 1, "tasks": 1, "callbacks": 0, "assets": 0, "events": 0}
    assert {await count(services, table) for table in ("deliveries", "attempts", "blobs")} == {0}
    assert (await see(services, running.id)).state is JobState.SUBMITTED
    assert await services.blobs.size(blob_key(asset.sha256 or "")) is None


async def test_what_a_job_kept_in_the_store_goes_with_it(
    services: Services, consumer: ConsumerId, clock: Clock
) -> None:
    change(services, retain_jobs=timedelta(days=2))
    for key in ("inputs/one.json", "uploads/two.png"):
        await services.blobs.put(key, b"{}")
    upload = {"field": "image", "filename": "a.png", "content_type": "image/png", "key": "uploads/two.png"}
    _job, task = await submitted(services, consumer, input_blob="inputs/one.json", uploads=[upload])
    await call_back(services, task, FAILURE)
    await run_until_idle(services)

    clock.advance(seconds=2 * DAY + 1)
    await prune_untouched(services)

    assert [await services.blobs.size(key) for key in ("inputs/one.json", "uploads/two.png")] == [None, None]


async def test_bytes_that_two_jobs_share_stay_for_as_long_as_one_of_them(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    change(services, retain_jobs=timedelta(days=3))
    await finished(services, world, consumer, "one.png")
    clock.advance(seconds=2 * DAY)
    later = await finished(services, world, consumer, "same.png")
    (asset,) = await see_assets(services, later.id)
    key = blob_key(asset.sha256 or "")

    clock.advance(seconds=DAY + 1)
    await prune_untouched(services)
    shared = await services.blobs.size(key)
    clock.advance(seconds=2 * DAY)
    await prune_untouched(services)

    assert shared == len(png())
    assert await services.blobs.size(key) is None
    assert await count(services, "jobs") == await count(services, "blobs") == 0


async def test_bytes_without_an_owner_stay_for_a_day(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    change(services, retain_jobs=timedelta(hours=1))
    job = await finished(services, world, consumer)
    key = blob_key((await see_assets(services, job.id))[0].sha256 or "")

    clock.advance(seconds=7200)
    await prune_untouched(services)
    ownerless = await services.blobs.size(key)
    clock.advance(seconds=DAY)
    await prune_untouched(services)

    assert await count(services, "jobs") == 0
    assert ownerless == len(png())
    assert await services.blobs.size(key) is None


@pytest.mark.parametrize("state", ["queued", "submitted"])
async def test_a_job_that_has_not_ended_is_never_forgotten(
    services: Services, consumer: ConsumerId, clock: Clock, state: str
) -> None:
    change(services, retain_jobs=timedelta(0))
    job = (await ask(services, consumer)).job
    if state == "submitted":
        await run_until_idle(services)

    clock.advance(seconds=1000 * DAY)
    await prune_untouched(services)

    assert (await see(services, job.id)).state == state


async def test_bytes_that_somebody_refers_to_again_are_not_forgotten(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    """Between the look and the deletion an asset with the same bytes may have been stored."""
    job = await finished(services, world, consumer)
    (asset,) = await see_assets(services, job.id)

    async with services.db.writing() as tx:
        forgotten = await delete_blob(tx, asset.sha256 or "")

    assert not forgotten
    assert await count(services, "blobs") == 1


async def test_bytes_that_were_put_again_just_now_stay_although_nobody_refers_to_them_yet(
    services: Services, clock: Clock
) -> None:
    """Somebody found them there, and is about to refer to them: his record comes after his bytes."""
    kept = await services.keeper.keep(png())
    row = {
        "id": services.new_id(),
        "sha256": kept.sha256,
        "key": kept.key,
        "bytes": kept.bytes,
        "content_type": kept.content_type,
        "created_at": clock(),
    }
    async with services.db.writing() as tx:
        await insert_blobs(tx, [row])
    clock.advance(seconds=2 * DAY)

    await prune(services)

    assert await services.blobs.size(kept.key) == len(png())
