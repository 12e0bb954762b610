"""Holding a request until something has happened. Real seconds pass only where the end of the wait is the point."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from orchestrator.api.waiting import preferred_wait
from orchestrator.domain.job import CANCEL
from orchestrator.lifecycle.services import Services
from orchestrator.storage.jobs import move_jobs

IMAGE: dict[str, Any] = {
    "operation": "openai/images/generations",
    "input": {"model": "gpt-image-2", "prompt": "a red kite"},
}


async def begin(services: Services, request: Coroutine[Any, Any, httpx.Response]) -> "asyncio.Task[httpx.Response]":
    """Send a request, and return once it waits."""
    sending = asyncio.create_task(request)
    async with asyncio.timeout(5):
        while not services.watch._waiting:
            await asyncio.wait([sending], timeout=0.005)
    return sending


async def test_a_submit_that_waits_is_answered_when_the_job_ends(client: httpx.AsyncClient, services: Services) -> None:
    waiting = await begin(services, client.post("/v1/jobs", json=IMAGE, headers={"prefer": "wait=30"}))
    (job,) = (await client.get("/v1/jobs")).json()["data"]
    await client.post(f"/v1/jobs/{job['id']}/cancel")

    response = await waiting

    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=30"
    assert response.json()["status"] == "canceled"
    assert response.headers["etag"] == f'"{response.json()["revision"]}"'


async def test_a_submit_that_waited_in_vain_is_answered_202(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/jobs", json=IMAGE, headers={"prefer": "wait=1"})

    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=1"
    assert response.json()["status"] == "queued"


async def test_a_long_poll_is_answered_when_the_job_ends(client: httpx.AsyncClient, services: Services) -> None:
    job = (await client.post("/v1/jobs", json=IMAGE)).json()
    waiting = await begin(services, client.get(f"/v1/jobs/{job['id']}?wait=30"))
    await client.post(f"/v1/jobs/{job['id']}/cancel")

    response = await waiting

    assert response.json()["status"] == "canceled"


async def test_a_long_poll_with_an_etag_is_answered_at_any_change(
    client: httpx.AsyncClient, services: Services, run_until_idle: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    job = (await client.post("/v1/jobs", json=IMAGE)).json()
    request = client.get(f"/v1/jobs/{job['id']}?wait=30", headers={"if-none-match": '"1"'})
    waiting = await begin(services, request)
    await run_until_idle()

    response = await waiting

    assert response.status_code == 200
    assert response.json()["status"] == "submitted"


async def test_a_long_poll_without_news_is_answered_304(client: httpx.AsyncClient) -> None:
    job = (await client.post("/v1/jobs", json=IMAGE)).json()

    response = await client.get(f"/v1/jobs/{job['id']}?wait=1", headers={"if-none-match": '"1"'})

    assert response.status_code == 304


async def test_a_change_by_another_process_ends_the_wait_too(client: httpx.AsyncClient, services: Services) -> None:
    job = (await client.post("/v1/jobs", json=IMAGE)).json()
    waiting = await begin(services, client.get(f"/v1/jobs/{job['id']}?wait=30"))
    async with services.db.writing() as tx:
        await move_jobs(tx, CANCEL, [{"id": job["id"], "finished_at": services.now()}])

    await services.watch.look(services.db)

    assert (await waiting).json()["status"] == "canceled"


async def test_nobody_is_left_waiting_afterwards(client: httpx.AsyncClient, services: Services) -> None:
    job = (await client.post("/v1/jobs", json=IMAGE)).json()

    await client.get(f"/v1/jobs/{job['id']}?wait=1")

    assert services.watch._waiting == {}


@pytest.mark.parametrize("wait", ["61", "-1", "soon"])
async def test_a_wait_that_is_none_is_refused(client: httpx.AsyncClient, wait: str) -> None:
    job = (await client.post("/v1/jobs", json=IMAGE)).json()

    response = await client.get(f"/v1/jobs/{job['id']}", params={"wait": wait})

    assert response.status_code == 422
    assert response.json()["field"] == "wait"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=10", 10),
        ("respond-async, wait=10", 10),
        ('Wait = "5"; x=1', 5),
        ("wait=600", 60),
        ("wait=0", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=ten", None),
        ("await=10", None),
        ("", None),
        (None, None),
    ],
)
def test_the_prefer_header_is_read_as_the_standard_says(header: str | None, seconds: int | None) -> None:
    assert preferred_wait(header, most=60) == seconds


async def test_a_process_that_stops_answers_who_waits_with_what_there_is(
    client: httpx.AsyncClient, services: Services
) -> None:
    job = (await client.post("/v1/jobs", json=IMAGE)).json()
    waiting = await begin(services, client.get(f"/v1/jobs/{job['id']}", params={"wait": 60}))

    services.watch.stop()

    async with asyncio.timeout(5):
        assert (await waiting).json()["status"] == "queued"
