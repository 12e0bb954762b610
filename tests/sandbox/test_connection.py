"""Dropped connections, over a real socket: what a client sees is what a broken network shows it."""

import httpx
import pytest

from orchestrator.sandbox.app import create_sandbox
from orchestrator.sandbox.options import SandboxOptions
from tests.sandbox.plumbing import Receiver, serving

HEADERS = {"authorization": "Bearer token"}
BODY = {"prompt": "a kite", "trace_id": "mine"}


async def test_a_connection_dropped_before_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(create_sandbox(SandboxOptions(delay=0))) as url, httpx.AsyncClient(base_url=url) as client:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.post("/nano-banana/images", json=BODY, headers={**HEADERS, "x-sandbox": "drop=before"})
        stats = (await client.get("/_sandbox/stats")).json()
        requests = (await client.get("/_sandbox/requests")).json()

    assert (stats["submits"], stats["tasks_created"]) == (1, 0)
    assert (requests["items"][0]["status"], requests["items"][0]["task_id"]) == (444, None)
    assert not caplog.records


async def test_a_connection_dropped_after_leaves_a_task_that_runs_and_can_be_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver = Receiver()
    async with (
        serving(receiver.app) as receiver_url,
        serving(create_sandbox(SandboxOptions(delay=0))) as url,
        httpx.AsyncClient(base_url=url, headers=HEADERS) as client,
    ):
        body = {**BODY, "prompt": "a kite [sandbox drop=after]", "callback_url": f"{receiver_url}/callbacks/one"}
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.post("/nano-banana/images", json=body)
        callback = await receiver.next()
        record = (await client.post("/nano-banana/tasks", json={"trace_id": "mine"})).json()

    assert record["id"] == callback["task_id"]
    assert record["request"]["callback_url"] == body["callback_url"]
    assert not caplog.records


async def test_only_the_first_submit_is_dropped_where_that_was_asked_for() -> None:
    async with serving(create_sandbox(SandboxOptions(delay=0))) as url, httpx.AsyncClient(base_url=url) as client:
        body = {**BODY, "prompt": "a kite [sandbox drop=before times=1]"}
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.post("/nano-banana/images", json=body, headers=HEADERS)
        answer = await client.post("/nano-banana/images", json=body, headers=HEADERS)

    assert answer.status_code == 200


async def test_an_answer_that_hangs_outlasts_its_client_and_the_task_runs() -> None:
    async with (
        serving(create_sandbox(SandboxOptions(delay=0))) as url,
        httpx.AsyncClient(base_url=url, headers=HEADERS) as client,
    ):
        body = {**BODY, "async": True}
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/nano-banana/images", json=body, headers={"x-sandbox": "hang=0.6"}, timeout=0.2)
        record = (await client.post("/nano-banana/tasks", json={"trace_id": "mine"})).json()

    assert record["response"]["success"] is True


async def test_a_file_that_is_cut_short_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        serving(create_sandbox(SandboxOptions(delay=0))) as url,
        httpx.AsyncClient(base_url=url, headers=HEADERS) as client,
    ):
        answer = await client.post("/nano-banana/images", json=BODY, headers={"x-sandbox": "truncate=1"})
        link = answer.json()["data"][0]["image_url"]
        with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
            await client.get(link)

    assert link.startswith(url)
    assert not caplog.records


async def test_a_lookup_can_be_dropped_too() -> None:
    async with serving(create_sandbox(SandboxOptions(delay=0))) as url, httpx.AsyncClient(base_url=url) as client:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.post("/openai/tasks", json={"id": "x"}, headers={**HEADERS, "x-sandbox": "drop=before"})
