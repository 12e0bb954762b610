"""One sandbox: what its parts share, and the few things that need several of them at once."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, cast
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
import pybase64
from starlette.requests import Request

from orchestrator.sandbox.behaviour import Behaviour, parse
from orchestrator.sandbox.calls import Caller
from orchestrator.sandbox.envelopes import Account
from orchestrator.sandbox.journal import Journal
from orchestrator.sandbox.media import Shelf
from orchestrator.sandbox.options import SandboxOptions
from orchestrator.sandbox.orders import Order
from orchestrator.sandbox.tasks import Item, Task, TaskBook
from orchestrator.sandbox.timers import Timers


class Sandbox:
    """The state of a running sandbox; `clock` gives seconds since 1970."""

    def __init__(
        self, options: SandboxOptions, transport: httpx.AsyncBaseTransport, *, clock: Callable[[], float], rng: Random
    ) -> None:
        self.options = options
        self.clock = clock
        self.rng = rng
        self.timers = Timers()
        self.book = TaskBook(options.keep)
        self.shelf = Shelf(options.keep, options.cache_bytes)
        self.journal = Journal(options.keep)
        self.caller = Caller(transport, options, clock=clock, pause=self.timers.pause, report=self.journal.report)
        self.usual = parse(options.behaviour)
        self._account = [self.new_id() for _ in range(3)]

    def new_id(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def open_task(
        self, order: Order, behaviour: Behaviour, *, trace_id: str, base_url: str, inputs: tuple[bytes, ...]
    ) -> Task:
        """A new task, in the book but not running yet."""
        task = Task(
            id=self.new_id(),
            document_id=f"{self.rng.getrandbits(96):024x}",
            trace_id=trace_id,
            order=order,
            behaviour=behaviour,
            base_url=self.options.public_url or base_url,
            created_at=self.clock(),
            inputs=inputs,
        )
        self.book.add(task)
        self.journal.counts["tasks_created"] += 1
        return task

    def account(self, operation: str) -> Account:
        application, credential, user = self._account
        api = str(uuid5(NAMESPACE_URL, operation))
        return Account(application_id=application, credential_id=credential, user_id=user, api_id=api)

    def by_chance(self, behaviour: Behaviour) -> Behaviour:
        """The behaviour with what the rates of the options add to it; what was asked for is never taken away."""
        options = self.options
        changes: dict[str, Any] = {}
        if options.failure_rate and behaviour.fail is None and self._happens(options.failure_rate):
            changes["fail"] = "api_error"
        if options.duplicate_rate and not behaviour.duplicates and self._happens(options.duplicate_rate):
            changes["duplicates"] = 1
        if options.lost_rate and self._happens(options.lost_rate):
            changes["lost"] = True
        if options.early_rate and self._happens(options.early_rate):
            changes["early"] = True
        return replace(behaviour, **changes) if changes else behaviour

    def _happens(self, rate: float) -> bool:
        return self.rng.random() < rate

    def delay_of(self, task: Task) -> float:
        """Seconds from the submit of a task to its result."""
        if task.behaviour.delay is not None:
            return task.behaviour.delay
        return self.options.delay + self.rng.random() * self.options.delay_jitter

    def nests(self, task: Task) -> bool:
        """Whether this task's callbacks carry OpenAI's data nested."""
        return (self.options.nested or task.behaviour.nested) and not task.behaviour.flat

    async def items_of(self, task: Task) -> list[Item] | None:
        """What a task has made, with the pictures themselves in place of links where it asked for that."""
        if task.items is None or not (task.order.wants_b64 or task.behaviour.b64):
            return task.items
        return [await self._embed(item) for item in task.items]

    async def _embed(self, item: Item) -> Item:
        media = self.shelf.find(str(item.get("url", "")).rpartition("/")[2])
        if media is None:
            return item
        data = pybase64.b64encode(await self.shelf.read(media)).decode()
        return {"b64_json": data, **{key: value for key, value in item.items() if key != "url"}}

    def reset(self) -> None:
        """Forget everything that happened, and everything that was going to."""
        self.timers.cancel()
        self.book.clear()
        self.shelf.clear()
        self.journal.clear()


def sandbox_of(request: Request) -> Sandbox:
    return cast(Sandbox, request.app.state.sandbox)
