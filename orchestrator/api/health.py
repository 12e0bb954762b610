"""Health, for machines that watch: alive, ready, and the numbers.

Alive says that the process answers, and touches nothing else: a database that is away is no reason to restart us.
Nobody needs a key for any of this, so what costs something is looked up once for all who ask at about the same time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orchestrator.domain.errors import Unavailable
from orchestrator.domain.job import JobState
from orchestrator.lifecycle.services import Services
from orchestrator.storage.database import Database
from orchestrator.storage.jobs import count_by_state
from orchestrator.web.answers import json_answer
from orchestrator.web.state import Request

T = TypeVar("T")

PATIENCE_SECONDS: Final = 2.0
READY_SECONDS: Final = 1.0
"""How old the answer of `/readyz` may be."""
JOBS_SECONDS: Final = 3.0
"""How old the numbers of jobs may be. Counting them reads a whole index."""
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_NO_STORE: Final = {"cache-control": "no-store"}


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the service is."""

    status: str


class _Shared(Generic[T]):
    """What was found out for one request is the answer to those that wait for it, and to those that come soon after."""

    def __init__(self, find: Callable[[Services], Awaitable[T]]) -> None:
        self._find = find
        self._turns: WeakKeyDictionary[Database, asyncio.Lock] = WeakKeyDictionary()
        self._found: WeakKeyDictionary[Database, tuple[float, T]] = WeakKeyDictionary()

    async def get(self, services: Services, *, seconds: float) -> T:
        """What was found at most `seconds` ago."""
        loop = asyncio.get_running_loop()
        async with self._turns.setdefault(services.db, asyncio.Lock()):
            found = self._found.get(services.db)
            if found is None or loop.time() >= found[0] + seconds:
                value = await self._find(services)
                found = self._found[services.db] = (loop.time(), value)
            return found[1]


async def show_alive(_request: Request) -> Response:
    """The process answers."""
    return json_answer(Health(status="ok"), headers=_NO_STORE)


async def show_ready(request: Request) -> Response:
    """The database and the blob store answer, or Unavailable with what does not."""
    failed = await _failed.get(request.state["services"], seconds=READY_SECONDS)
    if failed:
        raise Unavailable(f"Not ready: {'; '.join(failed)}.")
    return json_answer(Health(status="ready"), headers=_NO_STORE)


async def show_metrics(request: Request) -> Response:
    """The counters of this process, and how many jobs there are, in Prometheus' text format."""
    services = request.state["services"]
    registry = CollectorRegistry()
    registry.register(_Snapshot(services, await _jobs.get(services, seconds=JOBS_SECONDS)))
    return Response(generate_latest() + generate_latest(registry), headers={"content-type": _TEXT, **_NO_STORE})


class _Snapshot(Collector):
    """What is read from the services when somebody asks, rather than counted along the way."""

    def __init__(self, services: Services, jobs: Mapping[JobState, int]) -> None:
        self._services = services
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        statements = CounterMetricFamily("orchestrator_statements", "SQL statements sent since the start.")
        statements.add_metric([], self._services.db.statements)
        yield statements
        waiting = GaugeMetricFamily(
            "orchestrator_handoff_length", "Leased work that waits in memory.", labels=["handoff"]
        )
        handoffs = self._services.handoffs
        for handoff in (handoffs.submit, handoffs.settle, handoffs.collect, handoffs.deliver):
            waiting.add_metric([handoff.name], len(handoff))
        yield waiting
        jobs = GaugeMetricFamily("orchestrator_jobs", "Jobs by state.", labels=["state"])
        for state, count in self._jobs.items():
            jobs.add_metric([state], count)
        yield jobs


async def _complaints(services: Services) -> Sequence[str]:
    complaints = await asyncio.gather(
        _complaint("the database", services.db.probe()), _complaint("the blob store", services.blobs.probe())
    )
    return [complaint for complaint in complaints if complaint]


async def _complaint(what: str, probe: Awaitable[None]) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await probe
    except TimeoutError:
        return f"{what} does not answer within {PATIENCE_SECONDS:g} s"
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is the answer to the question
        return f"{what} does not work ({type(exc).__name__})"
    return None


async def _jobs_by_state(services: Services) -> Mapping[JobState, int]:
    """Every state with its number; none when the database is away, because the other metrics matter most then."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), services.db.reading() as tx:
            counted = await count_by_state(tx)
    except Exception:  # noqa: BLE001 - see above
        return {}
    return {state: counted.get(state, 0) for state in JobState}


_failed: Final = _Shared(_complaints)
_jobs: Final = _Shared(_jobs_by_state)

routes: Final[list[BaseRoute]] = [
    Route("/healthz", show_alive),
    Route("/readyz", show_ready),
    Route("/metrics", show_metrics),
]
