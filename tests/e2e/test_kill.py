"""SIGKILL at any moment: no job is lost, none is submitted twice, every consumer is told."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.sandbox.app import create_sandbox
from orchestrator.sandbox.options import SandboxOptions
from tests.e2e.process import Service, pause
from tests.fakes import World
from tests.serving import serving

JOBS = 40
KILLS = 5


@pytest.fixture
def kill_after() -> Iterator[int]:
    """After how many steps (a job accepted, a webhook seen) each kill comes; seeded, so that a failure repeats."""
    return iter(sorted(random.Random(20260301).sample(range(2, 2 * JOBS - 5), KILLS)))


async def test_killed_again_and_again_nothing_is_lost_and_nothing_is_paid_twice(
    database_url: str, tmp_path: Path, world: World, kill_after: Iterator[int]
) -> None:
    options = SandboxOptions(delay=0.2, delay_jitter=0.5, duplicate_rate=0.2, early_rate=0.2, seed=7)
    async with serving(create_sandbox(options)) as upstream:
        service = Service(
            tmp_path,
            database_url=database_url,
            upstream_url=upstream,
            LEASE="2",
            WEBHOOK_TIMEOUT="1",
            RECONCILE_AFTER="4",
        )
        await service.start()
        try:
            accepted = await _order_while_killing(service, world, kill_after)
            jobs = await _all_final(service, accepted)
            async with httpx.AsyncClient() as client:
                submits = (await client.get(f"{upstream}/_sandbox/requests")).json()
            await _all_told(world, accepted)
        finally:
            await service.stop()

    assert {job["status"] for job in jobs} == {"succeeded"}, Counter(job["status"] for job in jobs)
    paid = Counter(_prompt(submit) for submit in _items(submits))
    assert paid == Counter({f"picture number {number}": 1 for number in range(JOBS)})
    ids_by_job: dict[str, set[str]] = {}
    for headers, body in world.webhooks["all"]:
        ids_by_job.setdefault(json.loads(body)["data"]["id"], set()).add(headers["webhook-id"])
    assert all(len(ids) == 1 for ids in ids_by_job.values()), "A repeated webhook has another id."


async def _order_while_killing(service: Service, world: World, kill_after: Iterator[int]) -> list[str]:
    """Order every job, through kills and restarts, as a backend would: the same key until there is an answer."""
    accepted: list[str] = []
    next_kill = next(kill_after, None)
    async with asyncio.timeout(120), service.client() as client:
        endpoint = {"url": f"{world.url}/hook/all", "events": ["job.succeeded", "job.failed"]}
        (await client.post("/v1/endpoints", json=endpoint)).raise_for_status()
        for number in range(JOBS):
            accepted.append(await _order(client, number))
            if next_kill is not None and len(accepted) + len(world.webhooks["all"]) >= next_kill:
                next_kill = next(kill_after, None)
                await service.kill()
                await service.start()
        while next_kill is not None:
            next_kill = next(kill_after, None)
            await service.kill()
            await service.start()
    return accepted


async def _order(client: httpx.AsyncClient, number: int) -> str:
    order = {
        "operation": "openai/images/generations",
        "input": {"model": "gpt-image-2", "prompt": f"picture number {number}", "size": "256x256"},
    }
    while True:
        try:
            answer = await client.post("/v1/jobs", json=order, headers={"idempotency-key": f"order-{number}"})
        except httpx.TransportError:
            await pause(0.05)
            continue
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["id"]
        return job_id


async def _all_final(service: Service, accepted: list[str]) -> list[dict[str, Any]]:
    async with asyncio.timeout(120), service.client() as client:
        while True:
            jobs = [(await client.get(f"/v1/jobs/{job_id}")).json() for job_id in accepted]
            if all(job["finished_at"] for job in jobs):
                return jobs
            await pause(0.3)


async def _all_told(world: World, accepted: list[str]) -> None:
    async with asyncio.timeout(60):
        while {body["data"]["id"] for body in world.told("all")} != set(accepted):
            await pause(0.2)


def _items(answer: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer if isinstance(answer, list) else answer["items"]
    return found


def _prompt(submit: dict[str, Any]) -> str:
    return str(submit["body"]["prompt"])
