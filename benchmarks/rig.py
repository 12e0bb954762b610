"""The service with its database, its upstream and its consumer, and the moves that every measurement is made of.

A job's way is cut where the benchmark needs it: jobs are accepted and submitted, then wait at the upstream until their
callbacks are sent, in the order of the submits. `accepted`, `called_back` and `acknowledged` say how far that has come.
"""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from benchmarks.children import Child, child
from benchmarks.databases import Database, database
from benchmarks.load import Load, drive
from benchmarks.service import Service, service
from benchmarks.upstream import position_of
from benchmarks.wire import HOST, post

_ACCEPT_SECONDS = 30.0


class Stalled(Exception):  # a state of the service, not of this program
    """The service did not get on in time; what was measured before it still stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A callback that is ready to be sent."""

    position: int  # of the submit at the upstream, by which the sink knows the job
    request: bytes


@dataclass(slots=True, kw_only=True)
class Rig:
    """Everything that runs for one database."""

    database: Database
    service: Service
    upstream: Child
    sink: Child
    secret: str  # of the sink's endpoint
    patience: float  # seconds that the service may take to finish what it was given
    accepted: int = 0
    called_back: int = 0
    acknowledged: int = 0
    stalled: str = ""  # what was not done in time
    start_bytes: int = 0  # of the service's memory
    peak_bytes: int = 0
    _orders: Iterator[bytes] = field(default_factory=lambda: iter(()))

    def __post_init__(self) -> None:
        self._orders = (self._order(number) for number in itertools.count())
        self.start_bytes = self.peak_bytes = self.service.memory_bytes()

    async def accept(self, count: int, *, seconds: float = _ACCEPT_SECONDS) -> Load:
        """Have jobs accepted as fast as the service takes them."""
        orders = list(itertools.islice(self._orders, count))  # made before the clock runs
        load = await drive(self.service.port, orders, seconds=seconds)
        self.accepted += load.statuses[202]
        self._note(load, expected=202)
        return load

    async def submitted(self) -> int:
        """How many submits the upstream has seen."""
        return await self.upstream.ask("/-/count", int)

    async def all_submitted(self) -> None:
        """Wait until the upstream has seen every accepted job, or raise Stalled."""
        try:
            await self.upstream.ask(f"/-/until/{self.accepted}", bool, seconds=self.patience)
        except TimeoutError:
            told = f"{await self.submitted()} of {self.accepted} jobs submitted after {self.patience:.0f} s"
            raise Stalled(told) from None

    async def callbacks(self, count: int) -> list[Callback]:
        """The next callbacks of jobs that wait at the upstream; more jobs are accepted if there are too few."""
        missing = count - (self.accepted - self.called_back)
        if missing > 0:
            await self.accept(missing)
        await self.all_submitted()
        path = f"/-/submits/{self.called_back}"
        submits = await self.upstream.ask(path, list[tuple[str, str, str]])
        return [self._callback(*submit) for submit in submits[:count]]

    async def call_back(self, callbacks: list[Callback], *, seconds: float = 60.0, pace: float | None = None) -> Load:
        """Send callbacks; those for which the time did not suffice are the next ones again."""
        load = await drive(self.service.port, (each.request for each in callbacks), seconds=seconds, pace=pace)
        self.called_back += len(load.sent_at)
        self.acknowledged += load.statuses[200]
        self._note(load, expected=200)
        return load

    async def delivered(self) -> int:
        """Of how many jobs the consumer has heard."""
        return await self.sink.ask("/-/told", int)

    async def all_delivered(self) -> None:
        """Wait until the consumer has heard of every job whose callback was acknowledged; if in vain, note it."""
        try:
            await self.sink.ask(f"/-/until/{self.acknowledged}", bool, seconds=self.patience)
        except TimeoutError:
            told = f"{await self.delivered()} of {self.acknowledged} webhooks delivered"
            self.stalled = f"{told} {self.patience:.0f} s after the last callback"
        self.note_memory()

    def go_on(self) -> None:
        """Raise Stalled if work is left that would disturb the next measurement."""
        if self.stalled:
            raise Stalled(self.stalled)

    async def arrivals(self, start: int) -> dict[int, float]:
        """When the consumer first heard of each job, by position, from the `start`-th on."""
        return dict(await self.sink.ask(f"/-/arrivals/{start}", list[tuple[int, float]]))

    def note_memory(self) -> None:
        """Remember the service's memory if it is the highest seen so far."""
        self.peak_bytes = max(self.peak_bytes, self.service.memory_bytes())

    def _note(self, load: Load, *, expected: int) -> None:
        if not load.statuses[expected]:
            raise Stalled(f"no answer {expected} at all, but {dict(load.statuses)} and {load.unanswered} unanswered")
        self.note_memory()

    def _order(self, number: int) -> bytes:
        prompt = f"A lighthouse at low tide, plate {number:06d}"
        order = {"operation": "openai/images/generations", "input": {"model": "gpt-image-2", "prompt": prompt}}
        return post(self.service.port, "/v1/jobs", msgspec.json.encode(order), bearer=self.service.key)

    def _callback(self, task_id: str, trace_id: str, callback_url: str) -> Callback:
        url = f"http://{HOST}:{self.upstream.port}/media/{task_id}.jpg"
        image = {"url": url, "revised_prompt": "A lighthouse at low tide, wet sand, long shadows"}
        data = {"created": 1_790_000_000, "data": [image]}
        body = {"success": True, "task_id": task_id, "trace_id": trace_id, "data": data}
        path = urlsplit(callback_url).path
        request = post(self.service.port, path, msgspec.json.encode(body))
        return Callback(position=position_of(task_id), request=request)


@asynccontextmanager
async def rig(name: str, command: list[str], folder: Path, patience: float) -> AsyncIterator[Rig]:
    """Start everything for one database, and stop it all when the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(child("benchmarks.upstream"))
        sink = await stack.enter_async_context(child("benchmarks.sink"))
        store = await stack.enter_async_context(database(name, folder))
        running = await stack.enter_async_context(service(command, folder, store, upstream.port))
        endpoint = {"url": f"http://{HOST}:{sink.port}/", "events": ["job.succeeded"], "description": "benchmark"}
        answer = (await running.client.post("/v1/endpoints", json=endpoint)).raise_for_status()
        secret = str(answer.json()["secret"])
        yield Rig(database=store, service=running, upstream=upstream, sink=sink, secret=secret, patience=patience)
