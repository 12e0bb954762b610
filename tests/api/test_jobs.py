"""Creating, showing, listing, canceling and retrying jobs, through the edge."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
import pytest

from orchestrator.domain.ids import JobId, TaskId
from orchestrator.domain.signing import callback_token
from orchestrator.lifecycle.services import Services
from orchestrator.storage.jobs import find_jobs
from tests.clock import Clock
from tests.fakes import World

IMAGE = {"operation": "openai/images/generations", "input": {"model": "gpt-image-2", "prompt": "a red kite"}}
Idle = Callable[[], Awaitable[None]]


async def create(client: httpx.AsyncClient, **changes: object) -> dict[str, object]:
    response = await client.post("/v1/jobs", json=IMAGE | changes)
    assert response.status_code == 202, response.text
    job: dict[str, object] = response.json()
    return job


async def test_a_job_is_accepted_with_its_object_and_its_location(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/jobs", json=IMAGE | {"metadata": {"order": 7}})

    job = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == job["urls"]["self"] == f"http://orchestrator.test/v1/jobs/{job['id']}"
    assert response.headers["etag"] == '"1"'
    assert UUID(job["id"]).version == 7
    assert job["object"] == "job"
    assert job["status"] == "queued"
    assert job["operation"] == IMAGE["operation"]
    assert job["input"] == IMAGE["input"]
    assert job["metadata"] == {"order": 7}
    assert job["trace_id"] == job["id"]
    assert job["assets"] == []
    assert job["error"] is None
    assert [task["state"] for task in job["tasks"]] == ["queued"]
    assert job["finished_at"] is None


async def test_a_job_that_was_answered_is_in_the_database(client: httpx.AsyncClient, services: Services) -> None:
    job = await create(client)

    async with services.db.reading() as tx:
        found = await find_jobs(tx, [JobId(str(job["id"]))])
    assert list(found) == [job["id"]]


async def test_a_job_is_shown_as_it_was_created(client: httpx.AsyncClient) -> None:
    job = await create(client)

    response = await client.get(f"/v1/jobs/{job['id']}")

    assert response.status_code == 200
    assert response.json() == job
    assert response.headers["cache-control"] == "no-store"
    assert int(response.headers["retry-after"]) > 0


async def test_a_client_that_has_the_revision_is_answered_304(client: httpx.AsyncClient) -> None:
    job = await create(client)

    response = await client.get(f"/v1/jobs/{job['id']}", headers={"if-none-match": f'W/"{job["revision"]}"'})

    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["etag"] == f'"{job["revision"]}"'


@pytest.mark.parametrize("job_id", ["019b2f6e-0000-7000-8000-000000000000", "not-an-id", "1", "%00"])
@pytest.mark.parametrize("path", ["", "/events", "/deliveries"])
async def test_a_job_that_does_not_exist_is_not_found(client: httpx.AsyncClient, job_id: str, path: str) -> None:
    response = await client.get(f"/v1/jobs/{job_id}{path}")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")])
async def test_a_job_of_somebody_else_is_not_found(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, method: str, path: str
) -> None:
    job = await create(client)

    response = await stranger.request(method, f"/v1/jobs/{job['id']}{path}")

    assert response.status_code == 404
    assert (await client.get(f"/v1/jobs/{job['id']}")).json()["status"] == "queued"


async def test_a_list_has_only_the_consumers_own_jobs_newest_first(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    jobs = [await create(client), await create(client)]
    await create(stranger)

    listed = (await client.get("/v1/jobs")).json()

    assert [job["id"] for job in listed["data"]] == [jobs[1]["id"], jobs[0]["id"]]
    assert listed["has_more"] is False
    assert listed["next_cursor"] is None


async def test_a_list_is_read_page_by_page(client: httpx.AsyncClient) -> None:
    jobs = [await create(client) for _ in range(5)]

    seen, cursor = [], None
    for _ in range(3):
        page = (await client.get("/v1/jobs", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]

    assert seen == [job["id"] for job in reversed(jobs)]
    assert cursor is None


async def test_a_list_is_filtered_by_status_in_either_spelling(client: httpx.AsyncClient) -> None:
    canceled, queued = await create(client), await create(client)
    await client.post(f"/v1/jobs/{canceled['id']}/cancel")

    only = (await client.get("/v1/jobs", params={"status": "canceled"})).json()["data"]
    repeated = (await client.get("/v1/jobs?status=canceled&status=queued")).json()["data"]
    with_comma = (await client.get("/v1/jobs?status=queued,canceled")).json()["data"]

    assert [job["id"] for job in only] == [canceled["id"]]
    assert {job["id"] for job in repeated} == {job["id"] for job in with_comma} == {canceled["id"], queued["id"]}


async def test_a_list_is_filtered_by_time_and_operation(client: httpx.AsyncClient, clock: Clock) -> None:
    first = await create(client)
    clock.advance(seconds=60)
    second = await create(client, operation="nano-banana/images")
    moment = str(second["created_at"])

    after = (await client.get("/v1/jobs", params={"created_after": moment})).json()["data"]
    before = (await client.get("/v1/jobs", params={"created_before": moment})).json()["data"]
    bananas = (await client.get("/v1/jobs", params={"operation": "nano-banana/images"})).json()["data"]

    assert [job["id"] for job in after] == [second["id"]]
    assert [job["id"] for job in before] == [first["id"]]
    assert [job["id"] for job in bananas] == [second["id"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=done", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("cursor=zzz", "cursor"),
        ("cursor=%FF", "cursor"),
        ("created_after=yesterday", "created_after"),
        ("created_after=2026-01-01T00:00:00", "created_after"),
        ("created_before=0001-01-01T00:00:00%2B14:00", "created_before"),
        ("stauts=queued", "stauts"),
    ],
)
async def test_a_parameter_that_means_nothing_is_refused_by_name(
    client: httpx.AsyncClient, query: str, field: str
) -> None:
    response = await client.get(f"/v1/jobs?{query}")

    assert response.status_code == 422
    assert response.json()["field"] == field


async def test_a_canceled_job_says_so_and_can_be_canceled_again(client: httpx.AsyncClient) -> None:
    job = await create(client)

    first = await client.post(f"/v1/jobs/{job['id']}/cancel")
    second = await client.post(f"/v1/jobs/{job['id']}/cancel")

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert first.json()["status"] == "canceled"
    assert first.json()["error"]["code"] == "canceled"
    assert "retry-after" not in (await client.get(f"/v1/jobs/{job['id']}")).headers


async def test_a_canceled_job_is_retried_with_a_new_task(client: httpx.AsyncClient) -> None:
    job = await create(client)
    await client.post(f"/v1/jobs/{job['id']}/cancel")

    response = await client.post(f"/v1/jobs/{job['id']}/retry")

    assert response.status_code == 200
    assert response.json()["status"] == "queued"
    assert [task["attempt"] for task in response.json()["tasks"]] == [1, 2]


async def test_a_running_job_cannot_be_retried(client: httpx.AsyncClient) -> None:
    job = await create(client)

    response = await client.post(f"/v1/jobs/{job['id']}/retry")

    assert response.status_code == 409
    assert response.json()["code"] == "conflict"


async def test_a_job_goes_all_the_way_and_shows_its_asset(
    client: httpx.AsyncClient, services: Services, world: World, run_until_idle: Idle
) -> None:
    job = await create(client)
    await run_until_idle()
    task_id = TaskId((await client.get(f"/v1/jobs/{job['id']}")).json()["tasks"][0]["id"])
    token = callback_token(services.secret_keys[0], task_id)

    received = await client.post(f"/callbacks/{task_id}/{token}", json=world.result("kite.png"))
    await run_until_idle()

    done = (await client.get(f"/v1/jobs/{job['id']}")).json()
    assert received.json() == {"success": True}
    assert done["status"] == "succeeded"
    assert done["tasks"][0]["task_id"] == "up-1"
    assert [asset["url"] for asset in done["assets"]] == [
        f"http://orchestrator.test/v1/assets/{done['assets'][0]['id']}"
    ]
    assert done["assets"][0]["content_type"] == "image/png"
