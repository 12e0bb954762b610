"""Callbacks at the door: who may knock, what is taken in, and what is left outside."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pybase64
import pytest

from orchestrator.app import edges
from orchestrator.domain.callback import Callback, InboxState
from orchestrator.domain.ids import TaskId
from orchestrator.domain.signing import callback_token
from orchestrator.lifecycle.services import Services
from orchestrator.storage.callbacks import list_by_task
from tests.conftest import http_client
from tests.fakes import png

IMAGE: dict[str, Any] = {
    "operation": "openai/images/generations",
    "input": {"model": "gpt-image-2", "prompt": "a red kite"},
}
UNKNOWN = "019b2f6e-0000-7000-8000-000000000000"
Idle = Callable[[], Awaitable[None]]


@pytest.fixture
async def provider(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever calls back, with no key of ours."""
    async with http_client(services, None) as client:
        yield client


@pytest.fixture
async def task_id(client: httpx.AsyncClient, run_until_idle: Idle) -> TaskId:
    """A task that was submitted."""
    job = (await client.post("/v1/jobs", json=IMAGE)).json()
    await run_until_idle()
    return TaskId(job["tasks"][0]["id"])


def path_of(services: Services, task_id: str) -> str:
    return f"/callbacks/{task_id}/{callback_token(services.secret_keys[0], task_id)}"


async def inbox(services: Services, task_id: TaskId) -> list[Callback]:
    async with services.db.reading() as tx:
        return [callback for callback, _ in await list_by_task(tx, [task_id])]


def kept_files(services: Services) -> list[str]:
    root = services.blobs.scratch.parent
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def pieces(content: bytes, size: int = 1 << 16) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def big_body(*, size: int = 400_000) -> bytes:
    """The callback of a success over the inline limit."""
    data = {"created": 1770000000, "data": [{"b64_json": pybase64.b64encode(png()).decode()}]}
    return msgspec.json.encode({"success": True, "task_id": "up-1", "data": data, "note": "x" * size})


async def test_a_callback_is_in_the_inbox_when_it_is_answered(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId
) -> None:
    body = b'{"success": true, "task_id": "up-1", "data": {}}'

    response = await provider.post(path_of(services, task_id), content=body)

    (callback,) = await inbox(services, task_id)
    assert response.status_code == 200
    assert response.json() == {"success": True}
    assert callback.body == body
    assert callback.digest == hashlib.sha256(body).hexdigest()


async def test_a_repeated_callback_is_answered_alike_and_kept_once(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId
) -> None:
    answers = [await provider.post(path_of(services, task_id), content=b'{"a": 1}') for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(await inbox(services, task_id)) == 1


async def test_an_early_callback_is_taken_before_the_submit_was_answered(
    client: httpx.AsyncClient, provider: httpx.AsyncClient, services: Services
) -> None:
    task_id = TaskId((await client.post("/v1/jobs", json=IMAGE)).json()["tasks"][0]["id"])

    response = await provider.post(path_of(services, task_id), content=b'{"a": 1}')

    assert response.status_code == 200
    assert len(await inbox(services, task_id)) == 1


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}]
)
async def test_no_header_is_asked_for(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId, headers: dict[str, str]
) -> None:
    response = await provider.post(path_of(services, task_id), content=b"{}", headers=headers)

    assert response.status_code == 200


async def test_a_token_of_the_secret_before_is_still_good(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId
) -> None:
    path = path_of(services, task_id)
    services.secret_keys = ["a newer secret", *services.secret_keys]

    assert (await provider.post(path, content=b"{}")).status_code == 200


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"2")], [(b"transfer-encoding", b"chunked")]])
async def test_a_stranger_is_answered_before_anything_is_read(
    services: Services, task_id: TaskId, headers: list[tuple[bytes, bytes]]
) -> None:
    happened: list[Any] = []

    async def receive() -> dict[str, Any]:
        happened.append("read")
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        happened.append(message.get("status") or message["body"])

    other = callback_token(services.secret_keys[0], UNKNOWN)
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/callbacks/{task_id}/{other}",
        "headers": headers,
        "query_string": b"",
        "state": {"services": services},
    }
    await edges()(scope, receive, send)

    assert happened[0] == 404
    assert b"not_found" in happened[1]
    assert "read" not in happened[:2]
    assert await inbox(services, task_id) == []


@pytest.mark.parametrize("token", ["x", "%00", "\u00e9", "A" * 22, "A" * 5000])
async def test_a_forged_token_changes_nothing(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId, token: str
) -> None:
    response = await provider.post(f"/callbacks/{task_id}/{token}", content=b'{"success": true}')

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
    assert await inbox(services, task_id) == []


@pytest.mark.parametrize("task", ["1", UNKNOWN, "no-uuid", UNKNOWN.replace("-", "")])
@pytest.mark.parametrize("size", [2, 400_000])
async def test_a_task_that_does_not_exist_is_not_found_although_the_token_is_right(
    provider: httpx.AsyncClient, services: Services, task: str, size: int
) -> None:
    body = b'{"a":"' + b"x" * size + b'"}'

    response = await provider.post(path_of(services, task), content=body)

    assert response.status_code == 404
    assert kept_files(services) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"{}"',
        b"success=true",
        b"\x00",
        b'{"a": "\xff"}',
        b'{"a": NaN}',
        b"{}{}",
        b'{"a":' * 5000,
        b'{"a": "' + b"x" * 400_000,
        b"[" + b"1," * 200_000 + b"1]",
    ],
)
async def test_what_is_not_an_object_is_refused_and_the_task_can_still_be_completed(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId, body: bytes
) -> None:
    refused = await provider.post(path_of(services, task_id), content=body)
    kept = await inbox(services, task_id)
    taken = await provider.post(path_of(services, task_id), content=b"{}")

    assert refused.status_code == 400
    assert refused.json()["code"] == "malformed_json"
    assert kept == []
    assert kept_files(services) == []
    assert taken.status_code == 200


async def test_a_body_over_the_limit_is_refused_whether_its_length_is_declared_or_not(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId
) -> None:
    body = b'{"a":"' + b"x" * services.policy.max_callback_bytes + b'"}'

    declared = await provider.post(path_of(services, task_id), content=body)
    chunked = await provider.post(path_of(services, task_id), content=pieces(body))

    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert declared.headers["connection"] == chunked.headers["connection"] == "close"
    assert await inbox(services, task_id) == []
    assert kept_files(services) == []


async def test_a_big_body_is_kept_in_the_blob_store_and_not_in_the_row(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId
) -> None:
    body = big_body()

    response = await provider.post(path_of(services, task_id), content=pieces(body))

    (callback,) = await inbox(services, task_id)
    assert response.status_code == 200
    assert callback.body is None
    assert callback.body_key is not None
    assert callback.digest == hashlib.sha256(body).hexdigest()
    assert await services.blobs.read(callback.body_key) == body
    assert kept_files(services) == [callback.body_key]


async def test_a_repeated_big_body_leaves_no_second_copy(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId
) -> None:
    answers = [await provider.post(path_of(services, task_id), content=big_body()) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(await inbox(services, task_id)) == len(kept_files(services)) == 1


async def test_a_big_body_completes_its_job(
    client: httpx.AsyncClient,
    provider: httpx.AsyncClient,
    services: Services,
    task_id: TaskId,
    run_until_idle: Idle,
) -> None:
    await provider.post(path_of(services, task_id), content=big_body())
    await run_until_idle()

    (job,) = (await client.get("/v1/jobs")).json()["data"]
    async with services.db.reading() as tx:
        ((_, state),) = await list_by_task(tx, [task_id])
    assert state is InboxState.SETTLED
    assert job["status"] == "succeeded"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_only_posts_are_callbacks(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId, method: str
) -> None:
    response = await provider.request(method, path_of(services, task_id))

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_a_callback_of_very_many_values_is_refused(
    provider: httpx.AsyncClient, services: Services, task_id: TaskId
) -> None:
    body = b'{"success": true, "data": [' + b"[]," * 400_000 + b"0]}"

    response = await provider.post(path_of(services, task_id), content=body)

    assert (response.status_code, response.json()["code"]) == (400, "malformed_json")
    assert await inbox(services, task_id) == []
