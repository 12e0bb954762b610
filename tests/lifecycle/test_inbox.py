"""The inbox: early, twice, late, out of order and poisoned callbacks, and what each of them is worth."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from orchestrator.domain.errors import NotFound
from orchestrator.domain.ids import ConsumerId, TaskId
from orchestrator.domain.job import JobState
from orchestrator.domain.operations import OPERATIONS, Operation
from orchestrator.domain.task import TaskState
from orchestrator.lifecycle.cancel import cancel
from orchestrator.lifecycle.receive import inbox_key, receive_spooled
from orchestrator.lifecycle.services import Services
from tests.fakes import World
from tests.lifecycle.acting import (
    FAILURE,
    call_back,
    count,
    listen,
    see,
    see_assets,
    see_inbox,
    see_tasks,
    submitted,
)
from tests.working import run_until_idle

NOBODY = "0199aa00-0000-7000-8000-000000000000"


async def test_a_callback_may_overtake_the_answer_to_its_own_submit(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    async def hasty(body: dict[str, Any]) -> Response:
        await call_back(services, body["trace_id"], world.result("heron.png"))
        return JSONResponse({"task_id": "up-1"})

    world.answers.append(hasty)
    job, task = await submitted(services, consumer)

    assert job.state is JobState.SUCCEEDED
    assert (task.state, task.upstream_task_id) == (TaskState.SUCCEEDED, "up-1")


async def test_a_callback_may_be_settled_before_its_submit_is_answered(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    async def hasty(body: dict[str, Any]) -> Response:
        await call_back(services, body["trace_id"], {"success": True, "data": [{"url": world.serve("heron.png")}]})
        await run_until_idle(services)
        return JSONResponse({"task_id": "up-1"})

    world.answers.append(hasty)
    job, task = await submitted(services, consumer)

    assert job.state is JobState.SUCCEEDED
    assert (task.state, task.upstream_task_id, task.due_at) == (TaskState.SUCCEEDED, "up-1", None)


async def test_the_same_callback_twice_is_one_reply(services: Services, world: World, consumer: ConsumerId) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer)
    result = world.result("heron.png")

    await call_back(services, task, result)
    await call_back(services, task, result)
    await run_until_idle(services)
    await call_back(services, task, result)
    await run_until_idle(services)

    assert await see_inbox(services, job.id) == ["settled"]
    assert (len(world.told("a")), world.fetched) == (1, ["heron.png"])


async def test_the_same_bytes_for_two_tasks_are_two_replies(services: Services, consumer: ConsumerId) -> None:
    job, task = await submitted(services, consumer)
    other, other_task = await submitted(services, consumer)

    await call_back(services, task, FAILURE)
    await call_back(services, other_task, FAILURE)
    await run_until_idle(services)

    assert await see_inbox(services, job.id) == await see_inbox(services, other.id) == ["settled"]


@pytest.mark.parametrize("together", [True, False])
async def test_the_first_final_callback_wins_and_a_second_one_is_late(
    services: Services, world: World, consumer: ConsumerId, together: bool
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer)

    await call_back(services, task, world.result("first.png"))
    if not together:
        await run_until_idle(services)
    await call_back(services, task, FAILURE)
    await call_back(services, task, world.result("second.png"))
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert await see_inbox(services, job.id) == ["settled", "late", "late"]
    assert world.fetched == ["first.png"]
    assert [told["type"] for told in world.told("a")] == ["job.succeeded"]


async def test_a_success_after_a_failure_is_late(services: Services, world: World, consumer: ConsumerId) -> None:
    job, task = await submitted(services, consumer)

    await call_back(services, task, FAILURE)
    await call_back(services, task, world.result("heron.png"))
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.FAILED
    assert await see_inbox(services, job.id) == ["settled", "late"]


async def test_a_callback_that_names_another_upstream_task_is_kept_and_changes_nothing(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    job, task = await submitted(services, consumer)

    await call_back(services, task, world.result("foreign.png", task_id="up-77"))
    await run_until_idle(services)
    unmoved = await see(services, job.id)
    await call_back(services, task, world.result("own.png", task_id="up-1"))
    await run_until_idle(services)

    assert unmoved == job
    assert await see_inbox(services, job.id) == ["mismatched", "settled"]
    assert world.fetched == ["own.png"]


async def test_a_callback_for_a_canceled_job_is_late(services: Services, world: World, consumer: ConsumerId) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer)
    await cancel(services, job.id, consumer_id=consumer)

    await call_back(services, task, world.result("unwanted.png"))
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.CANCELED
    assert await see_inbox(services, job.id) == ["late"]
    assert world.fetched == []
    assert [told["type"] for told in world.told("a")] == ["job.canceled"]


async def test_a_callback_for_a_task_that_is_not_there_is_refused_and_not_kept(services: Services) -> None:
    with pytest.raises(NotFound):
        await call_back(services, NOBODY, FAILURE)
    with pytest.raises(NotFound):
        await receive_spooled(services, TaskId(NOBODY), body_key="inbox/x.json", digest="x")

    assert await count(services, "callbacks") == 0


async def test_a_failure_fails_the_job_in_the_upstreams_words(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer)

    await call_back(
        services, task, {"success": False, "task_id": "up-1", "error": {"code": "api_error", "message": "M"}}
    )
    await run_until_idle(services)

    after = await see(services, job.id)
    (told,) = world.told("a")
    expected = {"code": "api_error", "message": "M", "retryable": True}
    assert (after.state, after.error) == (JobState.FAILED, expected)
    assert (told["type"], told["data"]["error"], told["data"]["assets"]) == ("job.failed", expected, [])
    assert len(world.submits) == 1


async def test_a_success_without_media_is_a_success(
    services: Services, world: World, consumer: ConsumerId, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = Operation(name="midjourney/describe", overdue_after=timedelta(minutes=5))
    monkeypatch.setitem(OPERATIONS, describe.name, describe)
    await listen(services, consumer, f"{world.url}/hook/a")
    job, task = await submitted(services, consumer, operation=describe.name)

    await call_back(services, task, {"task_id": "up-1", "descriptions": ["a heron", "a grey bird"]})
    await run_until_idle(services)

    after = await see(services, job.id)
    assert (after.state, after.error, await see_assets(services, job.id)) == (JobState.SUCCEEDED, None, [])
    assert world.told("a")[0]["data"]["assets"] == []


async def test_a_partial_success_is_a_success_that_says_so(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    job, task = await submitted(services, consumer)
    items = [{"url": world.serve("one.png")}, {"error": {"code": "content_policy", "message": "Not this one."}}]

    await call_back(services, task, {"success": True, "task_id": "up-1", "data": items})
    await run_until_idle(services)

    after = await see(services, job.id)
    assert (after.state, after.partial, len(await see_assets(services, job.id))) == (JobState.SUCCEEDED, True, 1)


async def test_a_poisoned_reply_does_not_hold_up_the_others(
    services: Services, world: World, consumer: ConsumerId, caplog: pytest.LogCaptureFixture
) -> None:
    """The body of one is gone from the store; the others in its batch are settled all the same."""
    poisoned, poisoned_task = await submitted(services, consumer)
    healthy, healthy_task = await submitted(services, consumer)
    await receive_spooled(services, poisoned_task.id, body_key=inbox_key("gone"), digest="gone")
    await call_back(services, healthy_task, world.result("heron.png", task_id="up-2"))

    await run_until_idle(services)

    assert (await see(services, healthy.id)).state is JobState.SUCCEEDED
    assert (await see(services, poisoned.id)).state is JobState.SUBMITTED
    assert await see_inbox(services, poisoned.id) == ["received"]
    assert "callback.unsettled" in caplog.text


@pytest.mark.parametrize(
    "hostile",
    [
        {"success": False, "error": {"code": "a\x00b", "message": "\ud800 alone"}},
        {"success": True, "data": [{"url": "http://cdn.example.com/\x00\ud800.png"}]},
        {"success": True, "task_id": 10**40, "data": {"created": 10**30, "data": [{"url": "https://["}]}},
        {"success": True, "task_id": ["up-1"], "progress": {"a": 1}, "data": {"data": {"data": [[[]]]}}},
        {"progress": 10**400},
    ],
    ids=["error", "link", "numbers", "nesting", "progress"],
)
async def test_hostile_content_harms_nobody_else(
    services: Services, world: World, consumer: ConsumerId, hostile: dict[str, Any]
) -> None:
    _, hostile_task = await submitted(services, consumer)
    healthy, healthy_task = await submitted(services, consumer)

    await call_back(services, hostile_task, hostile)
    await call_back(services, healthy_task, world.result("heron.png", task_id="up-2"))
    await run_until_idle(services)

    assert (await see(services, healthy.id)).state is JobState.SUCCEEDED
    assert [task.state.is_final for task in await see_tasks(services, healthy.id)] == [True]
