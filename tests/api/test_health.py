"""Alive, ready, and the numbers: all without a key."""

import asyncio
import shutil

import httpx
import pytest

from orchestrator.api import health
from orchestrator.lifecycle.services import Services
from tests.conftest import http_client

IMAGE = {"operation": "openai/images/generations", "input": {"prompt": "a red kite"}}


@pytest.fixture
def anybody(services: Services) -> httpx.AsyncClient:
    """A client without a key."""
    return http_client(services, None)


async def test_the_process_is_alive_without_touching_anything(anybody: httpx.AsyncClient, services: Services) -> None:
    before = services.db.statements

    response = await anybody.get("/healthz")

    assert response.json() == {"status": "ok"}
    assert services.db.statements == before


async def test_the_service_is_ready_when_database_and_store_answer(anybody: httpx.AsyncClient) -> None:
    response = await anybody.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "ready"}


async def test_a_store_that_is_gone_is_named(anybody: httpx.AsyncClient, services: Services) -> None:
    shutil.rmtree(services.blobs.scratch.parent)
    services.blobs.scratch.parent.touch()

    response = await anybody.get("/readyz")

    assert response.status_code == 503
    assert "the blob store does not work" in response.json()["detail"]
    assert "the database" not in response.json()["detail"]
    assert response.headers["retry-after"] == "1"


async def test_a_database_that_does_not_answer_is_named_in_time(
    anybody: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(services.db, "probe", hang)
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.01)

    response = await anybody.get("/readyz")

    assert response.status_code == 503
    assert "the database does not answer within 0.01 s" in response.json()["detail"]


async def test_the_metrics_count_statements_and_jobs(client: httpx.AsyncClient, anybody: httpx.AsyncClient) -> None:
    await client.post("/v1/jobs", json=IMAGE)

    response = await anybody.get("/metrics")

    lines = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if not line.startswith("#"))
    assert response.headers["content-type"].startswith("text/plain")
    assert float(lines["orchestrator_statements_total"]) > 0
    assert lines['orchestrator_jobs{state="queued"}'] == "1.0"
    assert lines['orchestrator_jobs{state="failed"}'] == "0.0"
    assert lines['orchestrator_handoff_length{handoff="submit"}'] == "0.0"
    assert 'orchestrator_jobs_accepted_total{operation="openai/images/generations"}' in lines


async def test_the_metrics_are_there_when_the_database_is_not(
    anybody: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OSError("away")

    monkeypatch.setattr(services.db, "reading", broken)

    response = await anybody.get("/metrics")

    assert response.status_code == 200
    assert "orchestrator_statements_total" in response.text


async def test_those_who_ask_at_the_same_time_share_one_probe(
    anybody: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = 0

    async def count() -> None:
        nonlocal probes
        probes += 1

    monkeypatch.setattr(services.db, "probe", count)
    answers = await asyncio.gather(*(anybody.get("/readyz") for _ in range(5)))
    at_once = probes
    monkeypatch.setattr(health, "READY_SECONDS", 0.0)
    await anybody.get("/readyz")

    assert {answer.status_code for answer in answers} == {200}
    assert (at_once, probes) == (1, 2)


async def test_jobs_are_counted_once_for_all_who_ask_soon_after(anybody: httpx.AsyncClient, services: Services) -> None:
    await anybody.get("/metrics")
    before = services.db.statements

    response = await anybody.get("/metrics")

    assert services.db.statements == before
    assert 'orchestrator_jobs{state="queued"} 0.0' in response.text
