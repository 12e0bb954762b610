"""Callbacks: what is sent, how often, when, and what becomes of those that nobody takes."""

import asyncio
from typing import Any

import httpx
import pytest

from orchestrator.sandbox.app import create_sandbox
from orchestrator.sandbox.options import SandboxOptions
from tests.sandbox.plumbing import CALLBACK_URL, Stage, playing


async def the_only_call(url: str, patience: float = 10.0) -> Any:
    """What the sandbox notes of a callback to this address, sent through a real socket."""
    app = create_sandbox(SandboxOptions(callback_timeout=patience))
    headers = {"authorization": "Bearer token", "x-sandbox": "early=1"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox.example.com") as client,
    ):
        body = {"prompt": "a kite", "callback_url": url}
        assert (await client.post("/nano-banana/images", json=body, headers=headers)).status_code == 200
        (call,) = (await client.get("/_sandbox/callbacks")).json()["items"]
        return call


async def test_a_success_is_told_nested_as_the_guides_print_it(stage: Stage) -> None:
    body = await stage.ordered(trace_id="mine")

    assert set(body) == {"success", "task_id", "trace_id", "data"}
    assert (body["success"], body["trace_id"]) == (True, "mine")
    assert body["data"]["created"] == int(stage.clock())
    assert body["data"]["data"][0]["url"].startswith("http://sandbox.example.com/media/")


async def test_a_success_may_be_told_flat(stage: Stage) -> None:
    body = await stage.ordered("flat=1")

    assert set(body) == {"success", "task_id", "trace_id", "created", "data"}
    assert isinstance(body["data"], list)


async def test_flat_may_be_the_rule_and_nested_the_exception() -> None:
    async with playing(SandboxOptions(delay=0, nested=False)) as stage:
        rule, exception = await stage.ordered(), await stage.ordered("nested=1")

    assert (type(rule["data"]), type(exception["data"])) == (list, dict)


@pytest.mark.parametrize("code", ["bad_request", "forbidden", "api_error", "timeout", "of_my_own"])
async def test_a_failure_is_told_with_its_code(stage: Stage, code: str) -> None:
    body = await stage.ordered(f"fail={code}", trace_id="mine")

    assert set(body) == {"success", "task_id", "trace_id", "error"}
    assert (body["success"], body["error"]["code"], body["trace_id"]) == (False, code, "mine")


async def test_an_error_may_be_a_bare_text(stage: Stage) -> None:
    assert isinstance((await stage.ordered("fail=string"))["error"], str)


async def test_an_error_may_lack_its_code(stage: Stage) -> None:
    assert set((await stage.ordered("fail=nocode"))["error"]) == {"message"}


async def test_an_error_may_shout(stage: Stage) -> None:
    assert (await stage.ordered("fail=forbidden; upper_code=1"))["error"]["code"] == "FORBIDDEN"


async def test_a_result_may_come_in_part(stage: Stage) -> None:
    body = await stage.ordered("partial=1", n=3)

    assert (body["success"], len(body["data"]["data"])) == (False, 1)
    assert body["error"]["code"] == "api_error"


async def test_the_word_success_may_be_missing(stage: Stage) -> None:
    assert "success" not in await stage.ordered("no_success=1")


async def test_pictures_may_come_inside_the_callback(stage: Stage) -> None:
    body = await stage.ordered("b64=1")

    assert set(body["data"]["data"][0]) == {"b64_json", "revised_prompt"}


async def test_duplicates_are_the_same(stage: Stage) -> None:
    first = await stage.ordered("duplicates=2")

    assert [await stage.receiver.next(), await stage.receiver.next()] == [first, first]


async def test_a_lost_callback_leaves_a_finished_task(stage: Stage) -> None:
    await stage.submit(told="lost=1; early=1", callback_url=CALLBACK_URL)

    (task,) = (await stage.inspect("tasks"))["items"]
    assert task["state"] == "succeeded"
    assert (await stage.inspect("callbacks"))["count"] == 0


async def test_an_early_callback_is_taken_before_the_submit_is_answered(stage: Stage) -> None:
    answer = await stage.submit(told="early=1; delay=3600", callback_url=CALLBACK_URL)

    assert not stage.receiver.is_empty
    assert (await stage.receiver.next())["task_id"] == answer.json()["task_id"]


async def test_a_late_callback_comes_after_the_record_is_done(stage: Stage) -> None:
    answer = await stage.submit(told="late=3600", callback_url=CALLBACK_URL)

    await stage.finished(answer.json()["task_id"])

    record = (await stage.client.post("/openai/tasks", json={"id": answer.json()["task_id"]})).json()
    assert record["response"]["success"] is True
    assert stage.receiver.is_empty


async def test_progress_is_told_on_the_way_and_its_previews_are_withdrawn(stage: Stage) -> None:
    await stage.submit("/midjourney/imagine", told="progress=1", callback_url=CALLBACK_URL)

    bodies = [await stage.receiver.next() for _ in range(3)]

    assert sorted(body["progress"] for body in bodies) == [35, 75, 100]
    (final,) = [body for body in bodies if body["progress"] == 100]
    previews = [body for body in bodies if body["progress"] < 100]
    assert all(body["actions"] == [] and body["success"] for body in previews)
    assert (await stage.client.get(final["image_url"])).status_code == 200
    for body in previews:
        assert (await stage.client.get(body["image_url"])).status_code == 404


async def test_progress_shows_in_the_record(stage: Stage) -> None:
    answer = await stage.submit("/suno/audios", told="progress=1; delay=0.4", callback_url=CALLBACK_URL)

    assert (await stage.receiver.next())["progress"] == 35
    query = {"action": "retrieve", "id": answer.json()["task_id"]}
    record = (await stage.client.post("/suno/tasks", json=query)).json()
    assert (record["response"]["state"], record["finished_at"]) == ("processing", None)


async def test_progress_may_come_after_the_result(stage: Stage) -> None:
    final = await stage.ordered("out_of_order=1")

    late = await stage.receiver.next()
    assert (late["progress"], late["task_id"]) == (75, final["task_id"])


async def test_nonsense_may_come_before_the_result(stage: Stage) -> None:
    await stage.submit(told="malformed=1", callback_url=CALLBACK_URL)

    nonsense = await stage.receiver.raw()

    with pytest.raises(ValueError, match=r".+"):
        httpx.Response(200, content=nonsense).json()
    assert (await stage.receiver.next())["success"] is True


async def test_a_callback_that_is_not_taken_is_not_sent_again(stage: Stage) -> None:
    stage.receiver.answers = [500]

    await stage.submit(told="early=1", callback_url=CALLBACK_URL)

    (call,) = (await stage.inspect("callbacks"))["items"]
    assert (call["status"], call["url"]) == (500, CALLBACK_URL)


async def test_retries_may_be_switched_on() -> None:
    async with playing(SandboxOptions(callback_retries=2, callback_pause=0)) as stage:
        stage.receiver.answers = [500, 503]
        await stage.submit(told="early=1", callback_url=CALLBACK_URL)
        calls = (await stage.inspect("callbacks"))["items"]

    assert [call["status"] for call in calls] == [500, 503, 200]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/closed", "http://[broken", "http://exa mple.com/", "http://\u2603\u0000/"]
)
async def test_a_callback_that_cannot_be_sent_is_noted(url: str) -> None:
    call = await the_only_call(url)

    assert call["status"] is None
    assert call["error"]


@pytest.mark.parametrize(
    ("options", "calls", "state"),
    [
        (SandboxOptions(failure_rate=1.0, early_rate=1.0), 1, "failed"),
        (SandboxOptions(duplicate_rate=1.0, early_rate=1.0), 2, "succeeded"),
        (SandboxOptions(lost_rate=1.0, early_rate=1.0), 0, "succeeded"),
    ],
)
async def test_rates_decide_what_was_not_asked_for(options: SandboxOptions, calls: int, state: str) -> None:
    async with playing(options) as stage:
        await stage.submit(callback_url=CALLBACK_URL)

        assert (await stage.inspect("callbacks"))["count"] == calls
        assert (await stage.inspect("tasks"))["items"][0]["state"] == state


async def test_a_usual_behaviour_is_everybodys() -> None:
    async with playing(SandboxOptions(delay=0, behaviour="fail=busy; flat=1")) as stage:
        usual, other = await stage.ordered(), await stage.ordered("fail=forbidden")

    assert (usual["error"]["code"], other["error"]["code"]) == ("busy", "forbidden")


async def test_closing_calls_off_what_has_not_happened() -> None:
    async with playing(SandboxOptions(delay=3600)) as stage:
        await stage.submit(callback_url=CALLBACK_URL)
        receiver = stage.receiver

    assert receiver.is_empty


async def test_a_receiver_that_speaks_no_http_is_noted() -> None:
    async def mumble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"mumble\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(mumble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        call = await the_only_call(f"http://127.0.0.1:{port}/")

    assert call["status"] is None
    assert call["error"].startswith("ClientResponseError")


async def test_a_receiver_that_never_answers_is_given_up() -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        call = await the_only_call(f"http://127.0.0.1:{port}/", patience=0.2)

    assert "Timeout" in call["error"]
