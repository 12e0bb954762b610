"""Inspection: tests and people see what was asked of the sandbox and what it did."""

from orchestrator.sandbox.options import SandboxOptions
from tests.sandbox.plumbing import CALLBACK_URL, Stage, playing


async def test_a_submit_is_remembered_without_its_token(stage: Stage) -> None:
    answer = await stage.submit(callback_url=CALLBACK_URL, trace_id="mine")

    seen = await stage.inspect("requests")

    (request,) = seen["items"]
    assert seen["count"] == 1
    assert (request["operation"], request["status"]) == ("openai/images/generations", 200)
    assert (request["task_id"], request["trace_id"]) == (answer.json()["task_id"], "mine")
    assert (request["at"], request["body"]["callback_url"]) == (stage.clock(), CALLBACK_URL)
    assert request["headers"]["authorization"] == "(hidden)"


async def test_a_refused_submit_is_remembered_too(stage: Stage) -> None:
    await stage.submit(told="refuse=used_up", trace_id="mine")

    (request,) = (await stage.inspect("requests"))["items"]
    assert (request["status"], request["trace_id"], request["task_id"]) == (403, "mine", None)


async def test_a_long_field_is_remembered_in_short(stage: Stage) -> None:
    await stage.submit("/openai/images/edits", image="data:image/png;base64," + "A" * 100_000)

    (request,) = (await stage.inspect("requests"))["items"]
    (task,) = (await stage.inspect("tasks"))["items"]
    assert len(request["body"]["image"]) < 200
    assert task["request"] == request["body"]


async def test_a_callback_is_remembered_with_what_came_of_it(stage: Stage) -> None:
    body = await stage.ordered("early=1")

    (call,) = (await stage.inspect("callbacks"))["items"]
    assert (call["url"], call["status"], call["error"], call["body"]) == (CALLBACK_URL, 200, None, body)
    assert call["at"] == stage.clock()


async def test_pictures_inside_a_callback_are_remembered_in_short(stage: Stage) -> None:
    body = await stage.ordered("early=1; b64=1; bytes=100000")

    (call,) = (await stage.inspect("callbacks"))["items"]
    shown = call["body"]["data"]["data"][0]["b64_json"]
    assert len(shown) < 200
    assert str(len(body["data"]["data"][0]["b64_json"])) in shown


async def test_a_task_is_listed_with_what_was_unusual(stage: Stage) -> None:
    await stage.submit(told="fail=forbidden; early=1", callback_url=CALLBACK_URL)

    (task,) = (await stage.inspect("tasks"))["items"]
    assert (task["operation"], task["behaviour"]) == ("openai/images/generations", {"fail": "forbidden", "early": True})


async def test_lists_can_be_narrowed(stage: Stage) -> None:
    for name in ("one", "two", "two"):
        await stage.submit(trace_id=name)

    found = await stage.inspect("requests", trace_id="two")
    newest = await stage.inspect("tasks", limit="1")

    assert (len(found["items"]), found["count"]) == (2, 3)
    assert [item["trace_id"] for item in newest["items"]] == ["two"]


async def test_stats_count_what_would_have_been_paid(stage: Stage) -> None:
    await stage.submit(trace_id="one")
    await stage.submit(trace_id="one")
    await stage.submit(trace_id="two", told="fail=api_error")
    await stage.submit(trace_id="three", told="refuse=busy")
    await stage.submit(trace_id="four", told="delay=3600", callback_url=CALLBACK_URL)

    stats = await stage.inspect("stats")

    assert stats["submits"] == 5
    assert stats["unique_trace_ids"] == 4
    assert (stats["tasks_created"], stats["running"], stats["failed"], stats["charged"]) == (4, 1, 1, 2)


async def test_a_reset_forgets_everything_and_calls_off_the_rest(stage: Stage) -> None:
    url = await stage.link()
    await stage.submit(told="delay=3600", callback_url=CALLBACK_URL)

    answer = await stage.client.post("/_sandbox/reset")

    assert answer.status_code == 204
    assert not any((await stage.inspect("stats")).values())
    for what in ("requests", "tasks", "callbacks"):
        assert await stage.inspect(what) == {"items": [], "count": 0}
    assert (await stage.client.get(url)).status_code == 404


async def test_only_the_newest_are_kept() -> None:
    async with playing(SandboxOptions(keep=2)) as stage:
        for name in ("one", "two", "three"):
            await stage.submit(told="early=1", trace_id=name, callback_url=CALLBACK_URL)

        for what in ("requests", "tasks", "callbacks"):
            seen = await stage.inspect(what)
            assert (len(seen["items"]), seen["count"]) == (2, 3)


async def test_the_sandbox_is_alive(stage: Stage) -> None:
    assert (await stage.client.get("/healthz")).json() == {"status": "ok"}
