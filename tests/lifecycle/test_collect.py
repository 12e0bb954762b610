"""Collect: links that die, break off, lie, or lead where they must not."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import RedirectResponse, Response

from orchestrator.domain.asset import AssetState
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import Job, JobState
from orchestrator.egress.guard import Guard
from orchestrator.lifecycle.services import Services
from tests.clock import Clock
from tests.egress.servers import Answer, http, peer, saying
from tests.fakes import World, png
from tests.lifecycle.acting import (
    call_back,
    change,
    listen,
    received,
    see,
    see_assets,
    see_tasks,
    submitted,
    wait_out,
)
from tests.working import run_until_idle


def _code(job: Job) -> str | None:
    return job.error["code"] if job.error else None


def record(*links: str) -> dict[str, Any]:
    """A finished record with these links."""
    items = [{"url": link} for link in links]
    return {"id": "up-1", "finished_at": 1770000300, "response": {"success": True, "task_id": "up-1", "data": items}}


async def test_a_dead_link_is_tried_again_before_the_provider_is_asked_for_another(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job = await received(services, consumer, f"{world.url}/media/a.png")
    world.serve("a.png")

    after = await wait_out(services, clock, job)

    assert (job.state, job.collects) == (JobState.STORING, 1)
    assert after.state is JobState.SUCCEEDED
    assert world.questions == []


async def test_a_dead_link_is_replaced_by_the_providers_fresh_one(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    old = [f"{world.url}/media/{name}" for name in ("a.png", "b.png")]
    world.serve("a.png")
    job = await received(services, consumer, *old)
    world.records["up-1"] = record(world.serve("fresh-a.png"), world.serve("fresh-b.png", png("navy")))

    after = await wait_out(services, clock, job)

    assert after.state is JobState.SUCCEEDED
    assert world.questions == [{"action": "retrieve", "id": "up-1"}]
    assert [asset.source_url for asset in await see_assets(services, job.id)] == [
        f"{world.url}/media/fresh-a.png",
        f"{world.url}/media/fresh-b.png",
    ]


async def test_a_fresh_link_is_asked_for_under_the_task_that_brought_the_result(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    """The first submit was thought lost, a second one runs, and then the first one delivers."""
    world.answers.append(Response(status_code=502))
    job, lost = await submitted(services, consumer)
    for seconds in (5, 25):
        clock.advance(seconds=seconds)
        await run_until_idle(services)
    world.questions.clear()
    result = {"success": True, "task_id": "up-lost", "data": [{"url": f"{world.url}/media/dead.png"}]}
    await call_back(services, lost, result)
    await run_until_idle(services)
    world.records["up-lost"] = record(world.serve("fresh.png"))

    after = await wait_out(services, clock, job)

    assert len(await see_tasks(services, job.id)) == 2
    assert after.state is JobState.SUCCEEDED
    assert world.questions == [{"action": "retrieve", "id": "up-lost"}]


@pytest.mark.parametrize("fresh", ["dead", "fewer", "unknown", "running"])
async def test_a_link_that_stays_dead_fails_the_job_with_the_reason(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, fresh: str
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    dead = f"{world.url}/media/dead.png"
    job = await received(services, consumer, dead, world.serve("b.png"))
    records = {"dead": record(dead, dead), "fewer": record(dead), "unknown": {}, "running": {"id": "up-1"}}
    world.records["up-1"] = records[fresh]

    after = await wait_out(services, clock, job)

    assert (after.state, _code(after), after.collects) == (JobState.FAILED, "asset_unavailable", 3)
    assert after.error is not None
    assert after.error["retryable"] is True
    assert "404" in after.error["message"]
    assert world.fetched.count("dead.png") == 3
    assert [told["data"]["error"]["code"] for told in world.told("a")] == ["asset_unavailable"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_store_of_the_upstream_that_is_busy_is_tried_again(
    services: Services, world: World, consumer: ConsumerId, clock: Clock, status: int
) -> None:
    link = world.serve("a.png")
    world.media["a.png"] = Response(status_code=status)
    job = await received(services, consumer, link)
    for _ in range(5):
        assert job.due_at is not None
        clock.now = job.due_at
        await run_until_idle(services)
        job = await see(services, job.id)
    world.serve("a.png")

    after = await wait_out(services, clock, job)

    assert (job.state, job.collects) == (JobState.STORING, 6)
    assert after.state is JobState.SUCCEEDED


async def test_what_never_gets_better_fails_in_the_end(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    link = world.serve("a.png")
    world.media["a.png"] = Response(status_code=503)
    job = await received(services, consumer, link)

    after = await wait_out(services, clock, job)

    assert (after.state, _code(after), after.collects) == (JobState.FAILED, "asset_unavailable", 12)
    assert timedelta(minutes=20) < clock() - job.created_at < timedelta(hours=1)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(saying(http(200, png())[:-20], then_close=True), "asset_unavailable", id="shorter-than-announced"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\n\r\n" + png()[:-20], then_close=True), "asset_truncated", id="half"),
        pytest.param(saying(http(200, b"")), "asset_truncated", id="empty"),
        pytest.param(saying(http(200, b"<html>Link expired</html>")), "asset_not_media", id="page"),
        pytest.param(saying(http(200, png()[:40] + bytes(60) + png()[-12:])), "asset_corrupt", id="corrupt"),
        pytest.param(saying(http(200, bytes(3000))), "asset_not_media", id="zeros"),
    ],
)
async def test_bytes_that_are_not_the_picture_are_never_stored(
    services: Services, consumer: ConsumerId, clock: Clock, answer: Answer, code: str
) -> None:
    async with peer(answer) as cdn:
        job = await received(services, consumer, cdn.url("/a.png"))
        after = await wait_out(services, clock, job)

    assert job.state is JobState.STORING
    assert (after.state, _code(after)) == (JobState.FAILED, code)
    assert [asset.state for asset in await see_assets(services, job.id)] == [AssetState.PENDING]


@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_that_is_too_large_fails_the_job_at_once(
    services: Services, consumer: ConsumerId, announced: bool
) -> None:
    change(services, max_asset_bytes=50)
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n" if announced else b"HTTP/1.1 200 OK\r\n\r\n"

    async with peer(saying(head + png()[:60], then_close=True)) as cdn:
        job = await received(services, consumer, cdn.url("/a.png"))

    assert (job.state, _code(job)) == (JobState.FAILED, "asset_too_large")
    assert job.error is not None
    assert job.error["retryable"] is False


async def test_a_picture_with_too_many_pixels_fails_the_job_at_once(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    change(services, max_pixels=100)

    job = await received(services, consumer, world.serve("a.png"))

    assert (job.state, _code(job)) == (JobState.FAILED, "asset_too_many_pixels")


@pytest.mark.parametrize(
    "link", ["http://10.0.0.1/a.png", "http://[::ffff:10.0.0.1]/a.png", "http://169.254.169.254/a.png"]
)
async def test_a_forbidden_address_fails_the_job_at_once(
    services: Services, world: World, consumer: ConsumerId, link: str
) -> None:
    job = await received(services, consumer, link, world.serve("b.png"))

    assert (job.state, _code(job)) == (JobState.FAILED, "asset_forbidden")


async def test_a_forbidden_address_is_not_even_connected_to(services: Services, consumer: ConsumerId) -> None:
    async with peer(saying(http(200, png()))) as inside:
        services.guard._allow = Guard()._allow
        job = await received(services, consumer, inside.url("/a.png"))

    assert (job.state, _code(job)) == (JobState.FAILED, "asset_forbidden")
    assert inside.connections == 0


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data", "http://10.0.0.1/a.png"])
async def test_a_redirect_to_a_forbidden_address_fails_the_job_at_once(
    services: Services, world: World, consumer: ConsumerId, target: str
) -> None:
    link = world.serve("a.png")
    world.media["a.png"] = RedirectResponse(target)

    job = await received(services, consumer, link)

    assert (job.state, _code(job)) == (JobState.FAILED, "asset_forbidden")
    assert job.error is not None
    assert "secret" not in job.error["message"]


async def test_links_are_not_in_what_consumers_are_told_of_a_failure(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    job = await received(services, consumer, f"{world.url}/media/dead.png?signature=secret")

    after = await wait_out(services, clock, job)

    assert after.error is not None
    assert "secret" not in after.error["message"]
