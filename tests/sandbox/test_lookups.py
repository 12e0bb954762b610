"""Lookups: the tasks API, for those whose callback never came."""

from typing import Any

import pytest

from orchestrator.sandbox.options import SandboxOptions
from tests.sandbox.plumbing import CALLBACK_URL, Stage, playing


async def retrieve(stage: Stage, service: str = "openai", **query: Any) -> Any:
    return (await stage.client.post(f"/{service}/tasks", json={"action": "retrieve", **query})).json()


async def batch(stage: Stage, **query: Any) -> Any:
    return (await stage.client.post("/v1/openai/tasks", json={"action": "retrieve_batch", **query})).json()


async def test_a_running_task_has_no_response(stage: Stage) -> None:
    answer = await stage.submit(told="delay=3600", callback_url=CALLBACK_URL)

    record = await retrieve(stage, id=answer.json()["task_id"])
    assert (record["response"], record["finished_at"], record["elapsed"]) == (None, None, None)
    assert record["request"]["callback_url"] == CALLBACK_URL


async def test_a_finished_task_shows_its_result_flat(stage: Stage) -> None:
    callback = await stage.ordered(trace_id="mine")

    record = await retrieve(stage, id=callback["task_id"])
    assert set(record) == {
        "_id",
        "id",
        "trace_id",
        "type",
        "api_id",
        "application_id",
        "credential_id",
        "user_id",
        "request",
        "response",
        "created_at",
        "started_at",
        "finished_at",
        "elapsed",
    }
    assert (record["trace_id"], record["type"], record["finished_at"]) == ("mine", "images", stage.clock())
    assert record["response"]["data"] == callback["data"]["data"]
    assert record["response"]["success"] is True


async def test_a_failed_task_shows_its_error(stage: Stage) -> None:
    callback = await stage.ordered("fail=forbidden")

    assert (await retrieve(stage, id=callback["task_id"]))["response"] == callback


async def test_a_trace_id_wins_over_an_id(stage: Stage) -> None:
    first, second = await stage.ordered(trace_id="one"), await stage.ordered(trace_id="two")

    record = await retrieve(stage, id=first["task_id"], trace_id="two")

    assert record["id"] == second["task_id"]


async def test_retrieve_is_what_happens_by_default(stage: Stage) -> None:
    callback = await stage.ordered()

    answer = await stage.client.post("/openai/tasks", json={"id": callback["task_id"]})

    assert answer.json()["id"] == callback["task_id"]


@pytest.mark.parametrize(("service", "status", "body"), [("openai", 200, {}), ("flux", 200, {})])
async def test_an_unknown_task_is_an_empty_object(stage: Stage, service: str, status: int, body: Any) -> None:
    answer = await stage.client.post(f"/{service}/tasks", json={"id": "unknown"})

    assert (answer.status_code, answer.json()) == (status, body)


async def test_seedream_says_that_it_does_not_know_a_task(stage: Stage) -> None:
    answer = await stage.client.post("/seedream/tasks", json={"trace_id": "unknown"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_a_task_is_known_to_its_own_service_only(stage: Stage) -> None:
    callback = await stage.ordered()

    assert await retrieve(stage, "flux", id=callback["task_id"]) == {}


async def test_a_task_may_be_forgotten(stage: Stage) -> None:
    callback = await stage.ordered("forget=1")

    assert await retrieve(stage, id=callback["task_id"]) == {}
    assert await batch(stage, ids=[callback["task_id"]]) == {"items": [], "count": 0}


async def test_a_task_may_refuse_to_be_looked_up(stage: Stage) -> None:
    callback = await stage.ordered("lookup=api_error")

    answer = await stage.client.post("/openai/tasks", json={"id": callback["task_id"]})

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "api_error")


async def test_a_lookup_may_be_refused_by_its_header(stage: Stage) -> None:
    headers = {"x-sandbox": "refuse=too_many_requests"}

    answer = await stage.client.post("/openai/tasks", json={"id": "any"}, headers=headers)

    assert answer.status_code == 429


async def test_a_batch_holds_twelve_by_default_newest_first(stage: Stage) -> None:
    ids = [(await stage.ordered())["task_id"] for _ in range(14)]

    found, rest, all_of_them = await batch(stage), await batch(stage, offset=12), await batch(stage, ids=ids, limit=50)

    assert ([item["id"] for item in found["items"]], found["count"]) == (ids[:1:-1], 14)
    assert [item["id"] for item in rest["items"]] == ids[1::-1]
    assert len(all_of_them["items"]) == 14


async def test_a_batch_can_be_asked_for_by_trace_ids(stage: Stage) -> None:
    for name in ("one", "two", "three"):
        await stage.ordered(trace_id=name)

    found = await batch(stage, trace_ids=["one", "three", "four"])

    assert sorted(item["trace_id"] for item in found["items"]) == ["one", "three"]


async def test_a_batch_can_be_asked_for_by_account_and_time(stage: Stage) -> None:
    first = await retrieve(stage, id=(await stage.ordered())["task_id"])
    stage.clock.advance(100)
    await stage.ordered()

    window = {"application_id": first["application_id"], "created_at_max": first["created_at"] + 50}
    found, nobody = await batch(stage, **window), await batch(stage, application_id="another")

    assert [item["id"] for item in found["items"]] == [first["id"]]
    assert nobody["items"] == []


@pytest.mark.parametrize("query", [{"action": "delete"}, {}, {"action": "retrieve_batch", "limit": "many"}])
async def test_what_makes_no_sense_is_refused(stage: Stage, query: dict[str, Any]) -> None:
    answer = await stage.client.post("/openai/tasks", json=query)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


async def test_a_record_with_nested_data_may_be_asked_for(stage: Stage) -> None:
    callback = await stage.ordered("nested=1")

    assert (await retrieve(stage, id=callback["task_id"]))["response"] == callback


async def test_midjourney_calls_the_time_it_took_a_duration(stage: Stage) -> None:
    answer = await stage.submit("/midjourney/imagine")

    record = await retrieve(stage, "midjourney", id=answer.json()["task_id"])
    assert "duration" in record
    assert "elapsed" not in record


async def test_producer_leaves_success_out_of_its_records(stage: Stage) -> None:
    answer = await stage.submit("/producer/audios")

    record = await retrieve(stage, "producer", id=answer.json()["task_id"])
    assert answer.json()["success"] is True
    assert "success" not in record["response"]


async def test_maestro_has_a_status_beside_its_response(stage: Stage) -> None:
    answer = await stage.submit("/maestro/videos", told="delay=3600")

    record = await retrieve(stage, "maestro", id=answer.json()["task_id"])
    assert (record["status"], record["response"]) == ("running", None)


async def test_a_lookup_may_hand_out_fresh_links(stage: Stage) -> None:
    old = (await stage.ordered("expired=1; refresh=1"))["data"]["data"][0]["url"]
    assert (await stage.client.get(old)).status_code == 403
    (task,) = (await stage.inspect("tasks"))["items"]

    new = (await retrieve(stage, id=task["id"]))["response"]["data"][0]["url"]

    assert new != old
    assert (await stage.client.get(new)).status_code == 200


async def test_the_oldest_tasks_are_forgotten() -> None:
    async with playing(SandboxOptions(delay=0, keep=2)) as stage:
        ids = [(await stage.ordered())["task_id"] for _ in range(3)]

        assert await retrieve(stage, id=ids[0]) == {}
        assert (await retrieve(stage, id=ids[1]))["id"] == ids[1]
