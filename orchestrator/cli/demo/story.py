"""The demo itself: from an empty folder to verified webhooks and pictures."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from orchestrator.cli.client import PATIENCE, suffix_of
from orchestrator.cli.demo.consumer import CALLBACKS, WEBHOOKS, Body, Consumer
from orchestrator.cli.demo.jobs import WISHES, Outcome, Wish
from orchestrator.cli.demo.processes import HOST, running, service_settings
from orchestrator.cli.demo.show import Board
from orchestrator.cli.failures import Failure
from orchestrator.cli.listening import address_of, bind, listening, port_of

DELAY_SECONDS: Final = "1.5"
JITTER_SECONDS: Final = "1"
"""How long the sandbox takes for a picture, and up to how much more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs while the demo does."""

    consumer: Consumer
    address: str
    """Of the consumer."""
    service: httpx.AsyncClient
    """Asks with the consumer's key."""
    anybody: httpx.AsyncClient
    """Asks without one."""
    board: Board


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it all."""

    outcomes: list[Outcome]
    verified: int
    refused: int
    submits: int
    """How often the provider was asked for a picture."""
    charged: int
    """How many tasks a real account would have paid for."""

    def complaints(self) -> list[str]:
        """What is not as it should be."""
        found = [f"“{each.wish.title}”: {text}" for each in self.outcomes for text in each.complaints()]
        if self.refused:
            found.append(f"{self.refused} webhooks had a wrong signature")
        if self.submits != len(self.outcomes):
            found.append(f"{len(self.outcomes)} jobs made {self.submits} submits")
        return found


@asynccontextmanager
async def stage(folder: Path, board: Board) -> AsyncIterator[Stage]:
    """Start the sandbox, the service and the consumer; stop them when the block ends, however it ends."""
    consumer, api_key = Consumer(), f"demo_{secrets.token_urlsafe(24)}"
    upstream_port, port = _free_ports(2)
    settings = service_settings(port=port, upstream_port=upstream_port, api_key=api_key)
    slowly = ("--delay", DELAY_SECONDS, "--delay-jitter", JITTER_SECONDS)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        listener = stack.enter_context(bind(HOST, 0))
        await enter(listening(consumer.app, listener))
        sandbox = await enter(running("sandbox", *slowly, port=upstream_port, folder=folder, settings={}))
        serve = await enter(running("serve", port=port, folder=folder, settings=settings))
        await asyncio.gather(sandbox.ready(), serve.ready())
        board.say(f"provider  {sandbox.url}  orchestrator sandbox")
        board.say(f"service   {serve.url}  orchestrator serve")
        board.say(f"consumer  {address_of(listener)}  takes the webhooks and verifies them\n")
        yield Stage(
            consumer=consumer,
            address=address_of(listener),
            service=await enter(_client(serve.url, api_key)),
            anybody=await enter(_client(sandbox.url)),
            board=board,
        )


async def play(stage: Stage, images: Path) -> Report:
    """Register the consumer, submit every job, follow them to their ends and fetch their pictures."""
    endpoint = await _ask(stage.service, "POST", "/v1/endpoints", json={"url": f"{stage.address}{WEBHOOKS}"})
    me = await _ask(stage.service, "GET", "/v1/me")
    stage.consumer.secrets.update({WEBHOOKS: endpoint["secret"], CALLBACKS: me["webhook_secret"]})
    done: dict[int, asyncio.Future[Outcome]] = {wish.number: asyncio.Future() for wish in WISHES}

    async def fulfil(wish: Wish) -> None:
        edited = (await done[wish.edits]).files if wish.edits else [None]
        if not edited:
            raise Failure(f"“{wish.title}” has no picture to edit.")
        done[wish.number].set_result(await _fulfil(stage, wish, images, edited[0]))

    async with asyncio.TaskGroup() as group:
        for wish in WISHES:
            group.create_task(fulfil(wish))
    counts = await _ask(stage.anybody, "GET", "/_sandbox/stats")
    outcomes = [future.result() for future in done.values()]
    for outcome in outcomes:
        outcome.webhooks = stage.consumer.told[outcome.job["id"]]
    return Report(
        outcomes=outcomes,
        verified=stage.consumer.verified,
        refused=stage.consumer.refused,
        submits=counts["submits"],
        charged=counts["charged"],
    )


async def _fulfil(stage: Stage, wish: Wish, images: Path, picture: Path | None) -> Outcome:
    job = await _submit(stage, wish, picture)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(_follow(stage, wish, job))
        told = await stage.consumer.webhook(job["id"])
        if wish.has_callback:
            await stage.consumer.callback(job["id"])
        # The webhook may be faster than the answer that shows the same state.
        await following
    outcome = Outcome(wish=wish, job=told)
    for asset in told["assets"]:
        await _fetch(stage, outcome, asset, images)
    stage.board.move(wish, told["status"], is_done=True)
    return outcome


async def _submit(stage: Stage, wish: Wish, picture: Path | None) -> Body:
    order: Body = {"operation": wish.operation, "input": {**wish.input, "prompt": wish.prompt}}
    if wish.has_callback:
        order["callback_url"] = f"{stage.address}{CALLBACKS}"
    if picture is None:
        return await _ask(stage.service, "POST", "/v1/jobs", json=order)
    content = await asyncio.to_thread(picture.read_bytes)
    files = {"job": (None, json.dumps(order)), "image": (picture.name, content, "image/png")}
    return await _ask(stage.service, "POST", "/v1/jobs", files=files)


async def _follow(stage: Stage, wish: Wish, job: Body) -> None:
    """Show the job's states as they change: each request is answered when there is news, or none for a second."""
    while job["finished_at"] is None:
        stage.board.move(wish, job["status"])
        known = {"if-none-match": f'"{job["revision"]}"'}
        response = await stage.service.get(f"/v1/jobs/{job['id']}?wait=1", headers=known)
        if response.status_code != httpx.codes.NOT_MODIFIED:
            job = _checked(response).json()


async def _fetch(stage: Stage, outcome: Outcome, asset: Body, images: Path) -> None:
    """Fetch a picture by the signed link of the webhook, which needs no key."""
    response = _checked(await stage.anybody.get(asset["url"]))
    file = images / f"{outcome.wish.stem(asset['index'])}{suffix_of(response)}"
    file.write_bytes(response.content)
    outcome.files.append(file)
    if hashlib.sha256(response.content).hexdigest() != asset["sha256"]:
        outcome.broken.append(file.name)


def _client(url: str, api_key: str | None = None) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False)


async def _ask(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> Body:
    answer: Body = _checked(await client.request(method, path, **request)).json()
    return answer


def _checked(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise Failure(f"{response.request.method} {response.url} was answered {response.status_code}: {response.text}")
    return response


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on. They are let go all together, so that they differ."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(bind(HOST, 0)) for _ in range(count)]
        return [port_of(listener) for listener in listeners]
