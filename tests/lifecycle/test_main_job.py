"""The main job: a request goes in, the pictures are stored, the consumer is told."""

import json

from standardwebhooks import Webhook

from orchestrator.blobs.base import blob_key
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.job import JobState
from orchestrator.domain.signing import callback_token
from orchestrator.lifecycle.services import Services
from orchestrator.storage.assets import list_assets
from tests.clock import Clock
from tests.conftest import SECRET
from tests.fakes import World, png
from tests.lifecycle.acting import ask, call_back, listen, see, see_tasks
from tests.working import open_handoffs, run_until_idle


async def test_a_job_goes_all_the_way(services: Services, world: World, consumer: ConsumerId) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    open_handoffs(services)

    job = (await ask(services, consumer)).job
    await run_until_idle(services)
    (task,) = await see_tasks(services, job.id)
    waiting = await see(services, job.id)
    await call_back(services, task, world.result("heron.png"))
    await run_until_idle(services)

    done = await see(services, job.id)
    async with services.db.reading() as tx:
        (asset,) = (await list_assets(tx, [job.id]))[job.id]
    assert (waiting.state, task.upstream_task_id) == (JobState.SUBMITTED, "up-1")
    assert (done.state, done.error) == (JobState.SUCCEEDED, None)
    assert (asset.content_type, asset.width, asset.height, asset.bytes) == ("image/png", 32, 16, len(png()))
    assert await services.blobs.read(blob_key(asset.sha256 or "")) == png()
    (told,) = world.told("a")
    assert (told["type"], told["data"]["status"], told["data"]["revision"]) == (
        "job.succeeded",
        "succeeded",
        done.revision,
    )
    assert told["data"]["tasks"][0]["task_id"] == "up-1"


async def test_the_submit_carries_the_input_the_token_and_the_way_back(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    given = {"model": "gpt-image-2", "prompt": "a heron", "size": "1024x1536", "extra": {"kept": [1, None]}}

    job = (await ask(services, consumer, input=given)).job
    await run_until_idle(services)

    (task,) = await see_tasks(services, job.id)
    (submit,) = world.submits
    assert submit == given | {
        "callback_url": f"http://orchestrator.test/callbacks/{task.id}/{callback_token(SECRET, task.id)}",
        "trace_id": task.id,
        "_path": "/openai/images/generations",
        "_auth": "Bearer upstream-token",
    }


async def test_the_webhook_is_signed_and_its_id_is_the_events(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    secret = await listen(services, consumer, f"{world.url}/hook/a")
    job = (await ask(services, consumer)).job
    await run_until_idle(services)
    await call_back(
        services, (await see_tasks(services, job.id))[0], {"success": False, "error": {"code": "forbidden"}}
    )
    await run_until_idle(services)

    ((headers, body),) = world.webhooks["a"]

    # The library compares with the real time; the signature itself says which time was signed.
    timestamp = int(headers["webhook-timestamp"])
    signed = Webhook(secret).sign(
        headers["webhook-id"], clock().fromtimestamp(timestamp, tz=clock().tzinfo), body.decode()
    )
    assert headers["webhook-signature"] == signed
    assert timestamp == int(clock().timestamp())
    assert json.loads(body)["data"]["error"]["code"] == "forbidden"


async def test_a_callback_url_of_its_own_is_told_in_the_upstreams_shape(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    job = (await ask(services, consumer, callback_url=f"{world.url}/hook/own", trace_id="mine")).job
    await run_until_idle(services)
    await call_back(services, (await see_tasks(services, job.id))[0], world.result("one.png", "two.png"))
    await run_until_idle(services)

    (body,) = world.told("own")

    assert (body["success"], body["task_id"], body["trace_id"]) == (True, job.id, "mine")
    assert body["data"]["created"] == 1770000000
    assert [item["revised_prompt"] for item in body["data"]["data"]] == ["one.png, painted", "two.png, painted"]
    assert all(item["url"].startswith("http://orchestrator.test/v1/assets/") for item in body["data"]["data"])
    assert all("signature=" in item["url"] for item in body["data"]["data"])


async def test_an_inline_result_needs_no_callback(services: Services, world: World, consumer: ConsumerId) -> None:
    from starlette.responses import JSONResponse

    world.answers.append(JSONResponse({"created": 1, "data": [{"url": world.serve("now.png")}]}))

    job = (await ask(services, consumer)).job
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert len(world.submits) == 1


async def test_assets_keep_the_upstreams_order_and_equal_bytes_are_one_blob(
    services: Services, world: World, consumer: ConsumerId
) -> None:
    job = (await ask(services, consumer)).job
    await run_until_idle(services)
    names = [f"{n}.png" for n in range(4)]
    result = world.result(*names)
    world.serve("2.png", png("red"))
    await call_back(services, (await see_tasks(services, job.id))[0], result)
    await run_until_idle(services)

    async with services.db.reading() as tx:
        assets = (await list_assets(tx, [job.id]))[job.id]
    assert [asset.revised_prompt for asset in assets] == [f"{name}, painted" for name in names]
    assert len({asset.sha256 for asset in assets}) == 2


async def test_what_is_in_memory_is_only_a_hint(services: Services, world: World, consumer: ConsumerId) -> None:
    """The same road with no hand-off at all: every step is found in the database."""
    from tests.working import lose_memory

    await listen(services, consumer, f"{world.url}/hook/a")
    job = (await ask(services, consumer)).job
    await run_until_idle(services)
    lose_memory(services)

    await call_back(services, (await see_tasks(services, job.id))[0], world.result("heron.png"))
    lose_memory(services)
    await run_until_idle(services)

    assert (await see(services, job.id)).state is JobState.SUCCEEDED
    assert len(world.told("a")) == 1
