"""Submits: the three modes, the answers, and what is refused at once."""

import asyncio
import base64
from typing import Any

import pytest

from orchestrator.sandbox.options import SandboxOptions
from orchestrator.sandbox.pictures import Picture, draw
from tests.sandbox.plumbing import CALLBACK_URL, PATIENCE, Stage, opened, playing

PNG = draw(Picture(text="Before", width=100, height=100))


async def test_a_submit_with_a_callback_is_answered_at_once_with_a_task_id(stage: Stage) -> None:
    answer = await stage.submit(callback_url=CALLBACK_URL)

    assert answer.status_code == 200
    assert set(answer.json()) == {"task_id"}


async def test_an_asynchronous_submit_is_answered_in_full_and_not_called_back(stage: Stage) -> None:
    asked: dict[str, Any] = {"async": True, "trace_id": "mine"}

    body = (await stage.submit(**asked)).json()

    assert body == {"success": True, "task_id": body["task_id"], "trace_id": "mine"}
    assert stage.receiver.is_empty


@pytest.mark.parametrize(
    ("ack", "status", "keys"),
    [
        ("plain", 200, {"task_id"}),
        ("full", 200, {"success", "task_id", "trace_id"}),
        ("created201", 201, {"task_id", "trace_id"}),
    ],
)
async def test_the_acknowledgement_may_be_chosen(stage: Stage, ack: str, status: int, keys: set[str]) -> None:
    answer = await stage.submit(told=f"ack={ack}", callback_url=CALLBACK_URL)

    assert (answer.status_code, set(answer.json())) == (status, keys)


async def test_a_submit_without_either_is_held_until_its_result(stage: Stage) -> None:
    body = (await stage.submit()).json()

    assert body["success"] is True
    assert body["data"][0]["revised_prompt"] == "a paper boat"
    assert body["data"][0]["url"].startswith("http://sandbox.example.com/media/")


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        ("dall-e-3", {"created", "data"}),
        ("nano-banana", {"created", "data"}),
        ("gpt-image-2", {"success", "task_id", "trace_id", "created", "model", "data", "usage"}),
    ],
)
async def test_a_held_answer_has_the_shape_of_its_model(stage: Stage, model: str, keys: set[str]) -> None:
    assert set((await stage.submit(model=model)).json()) == keys


async def test_nano_banana_has_no_date_and_repeats_the_prompt(stage: Stage) -> None:
    body = (await stage.submit(model="nano-banana", response_format="b64_json", prompt="a bowl [sandbox same]")).json()

    assert body["created"] == 0
    assert body["data"][0]["revised_prompt"] == "a bowl [sandbox same]"
    assert "url" in body["data"][0]


@pytest.mark.parametrize(("count", "model"), [(1, "gpt-image-1"), (3, "dall-e-2")])
async def test_as_many_pictures_are_made_as_asked_for(stage: Stage, count: int, model: str) -> None:
    body = (await stage.submit(n=count, model=model)).json()

    assert len({item["url"] for item in body["data"]}) == count


async def test_pictures_come_in_the_answer_where_they_are_asked_for(stage: Stage) -> None:
    body = (await stage.submit(response_format="b64_json", size="160x96", output_format="webp")).json()

    image = opened(base64.b64decode(body["data"][0]["b64_json"]))
    assert (image.format, image.size) == ("WEBP", (160, 96))
    assert "url" not in body["data"][0]


async def test_a_held_result_may_come_in_part(stage: Stage) -> None:
    body = (await stage.submit(told="partial=1", n=2)).json()

    assert (body["success"], len(body["data"]), body["error"]["code"]) == (False, 1, "api_error")


async def test_a_held_failure_is_an_error_without_success(stage: Stage) -> None:
    answer = await stage.submit(told="fail=forbidden", trace_id="mine")

    assert answer.status_code == 403
    assert set(answer.json()) == {"error", "trace_id"}
    assert (answer.json()["error"]["code"], answer.json()["trace_id"]) == ("forbidden", "mine")


async def test_a_result_may_come_at_once_in_spite_of_a_callback(stage: Stage) -> None:
    body = (await stage.submit(told="inline=1; delay=60", callback_url=CALLBACK_URL)).json()

    assert body["data"][0]["url"]
    assert stage.receiver.is_empty


@pytest.mark.parametrize(
    "path",
    [
        "/openai/images/generations",
        "/v1/openai/images/generations",
        "/v1/images/generations",
        "/nano-banana/images",
        "/v1/nano-banana/images",
    ],
)
async def test_every_alias_is_served(stage: Stage, path: str) -> None:
    assert (await stage.submit(path)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/nobody/images"), ("GET", "/openai/images/edits"), ("POST", "/v2")]
)
async def test_an_unknown_path_is_no_api(stage: Stage, method: str, path: str) -> None:
    answer = await stage.client.request(method, path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_api")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"prompt": ""}, "prompt is required"),
        ({"model": "gpt-image-2", "size": "1000x1000"}, "size width and height must be multiples of 16"),
        ({"n": 11}, "n must lie between 1 and 10"),
        ({"n": "many"}, "n must lie between 1 and 10"),
        ({"output_format": "gif"}, "output_format"),
        ({"callback_url": "ftp://files.example.com"}, "callback_url"),
        ({"callback_url": 7}, "callback_url"),
    ],
)
async def test_what_cannot_be_made_is_refused_at_once(stage: Stage, body: dict[str, Any], words: str) -> None:
    answer = await stage.submit(**body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert words in answer.json()["error"]["message"]


async def test_json_is_read_whatever_it_is_labelled(stage: Stage) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}

    answer = await stage.client.post("/nano-banana/images", content=b'{"prompt": "a kite"}', headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
async def test_a_body_that_is_no_object_is_refused(stage: Stage, content: bytes) -> None:
    answer = await stage.client.post("/openai/images/generations", content=content)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


async def test_an_unknown_behaviour_is_refused_by_name(stage: Stage) -> None:
    answer = await stage.submit(prompt="a cat [sandbox fial=forbidden]")

    assert answer.status_code == 400
    assert "'fial'" in answer.json()["error"]["message"]


async def test_a_large_body_is_refused() -> None:
    async with playing(SandboxOptions(max_body=500)) as stage:
        answer = await stage.submit(prompt="long " * 200)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [(None, 400, "no_token"), ("Bearer ", 400, "no_token"), ("Bearer wrong", 401, "invalid_token")],
)
async def test_the_token_is_asked_for(header: str | None, status: int, code: str) -> None:
    async with playing(SandboxOptions(token="right")) as stage:
        stage.client.headers.pop("authorization")
        answer = await stage.client.post("/openai/tasks", json={}, headers={"authorization": header} if header else {})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_the_right_token_passes() -> None:
    async with playing(SandboxOptions(token="right", delay=0)) as stage:
        stage.client.headers["authorization"] = "Bearer right"

        assert (await stage.submit()).status_code == 200


async def test_more_tasks_in_flight_than_allowed_are_refused() -> None:
    async with playing(SandboxOptions(rate_limit=2, delay=60)) as stage:
        statuses = [(await stage.submit(callback_url=CALLBACK_URL)).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


async def test_an_answer_can_be_kept_waiting_while_its_callback_is_made(stage: Stage) -> None:
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(stage.submit(told="hang=0.3", callback_url=CALLBACK_URL))
        body = await stage.receiver.next()
        was_early = not answer.done()

    assert was_early
    assert body["task_id"] == answer.result().json()["task_id"]


async def test_a_reset_frees_those_who_wait(stage: Stage) -> None:
    async with asyncio.TaskGroup() as group, asyncio.timeout(PATIENCE):
        held = group.create_task(stage.submit(told="delay=3600"))
        while not (await stage.inspect("tasks"))["items"]:
            await asyncio.wait({held}, timeout=0.01)
        await stage.client.post("/_sandbox/reset")

    assert held.result().status_code == 500


async def test_a_url_that_is_edited_is_only_named(stage: Stage) -> None:
    before = await stage.submit()
    body = (await stage.submit("/openai/images/edits", image="http://files.example.com/a/boat.png")).json()

    plain, edited = [(await stage.client.get(answer["data"][0]["url"])).content for answer in (before.json(), body)]
    assert opened(plain).tobytes() != opened(edited).tobytes()


@pytest.mark.parametrize("field", ["image", "image[]"])
async def test_uploads_are_edited(stage: Stage, field: str) -> None:
    fields = {"model": "gpt-image-1", "prompt": "brighter", "size": "256x256", "n": "2", "trace_id": "form"}
    files = [
        (field, ("one.png", PNG, "image/png")),
        (field, ("two.png", PNG, "image/png")),
        ("mask", ("m.png", PNG, "image/png")),
    ]

    answer = await stage.client.post("/v1/images/edits", data=fields, files=files)

    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 2
    seen = (await stage.inspect("requests"))["items"][0]
    assert (seen["trace_id"], seen["body"]["image"][1]) == ("form", f"two.png ({len(PNG)} bytes)")


async def test_a_form_may_ask_for_a_callback(stage: Stage) -> None:
    fields = {"prompt": "brighter", "callback_url": CALLBACK_URL}

    answer = await stage.client.post("/openai/images/edits", data=fields, files={"image": ("one.png", PNG)})

    assert (await stage.receiver.next())["task_id"] == answer.json()["task_id"]


async def test_a_data_url_shows_in_the_edited_picture(stage: Stage) -> None:
    data_url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    broken = "data:image/png;base64,AAAA"

    bodies = [(await stage.submit("/openai/images/edits", image=[image])).json() for image in (data_url, broken)]

    shown, bare = [(await stage.client.get(body["data"][0]["url"])).content for body in bodies]
    assert opened(shown).tobytes() != opened(bare).tobytes()


async def test_more_than_sixteen_images_are_refused(stage: Stage) -> None:
    answer = await stage.submit("/openai/images/edits", image=["http://files.example.com/a.png"] * 17)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize("trace_id", ["mine", "\u2603\r\nx: y", 7])
async def test_any_trace_id_is_echoed(stage: Stage, trace_id: object) -> None:
    answer = await stage.submit(trace_id=trace_id)

    assert answer.json()["trace_id"] == str(trace_id)
    assert answer.headers["x-request-id"]


async def test_a_seed_makes_ids_repeat_themselves() -> None:
    ids = []
    for _ in range(2):
        async with playing(SandboxOptions(seed=7, delay=0)) as stage:
            ids.append((await stage.submit(callback_url=CALLBACK_URL)).json()["task_id"])

    assert ids[0] == ids[1]
