"""What is measured, one function each. They run in this order, because each leaves jobs that the next one needs."""

import itertools
from array import array
from dataclasses import dataclass

from benchmarks.checks import Checked, check
from benchmarks.children import child
from benchmarks.load import Load, drive
from benchmarks.rig import Callback, Rig
from benchmarks.wire import post


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything; whatever is reached first, count or seconds, ends a measurement."""

    echo_seconds: float
    accept_jobs: int
    accept_seconds: float
    sustained_callbacks: int
    sustained_seconds: float
    burst_callbacks: int
    whole_jobs: int
    idle_jobs: int
    idle_pace: float  # callbacks per second, so few that one job is done before the next one starts
    half_seconds: float
    patience: float  # seconds for whatever the service has to finish between two measurements
    limit: float  # seconds for everything with one database


FULL = Plan(
    echo_seconds=2.0,
    accept_jobs=15_000,
    accept_seconds=5.0,
    sustained_callbacks=12_000,
    sustained_seconds=3.0,
    burst_callbacks=10_000,
    whole_jobs=6_000,
    idle_jobs=100,
    idle_pace=25.0,
    half_seconds=6.0,
    patience=45.0,
    limit=130.0,
)
QUICK = Plan(
    echo_seconds=0.7,
    accept_jobs=2_500,
    accept_seconds=1.0,
    sustained_callbacks=1_000,
    sustained_seconds=1.0,
    burst_callbacks=1_500,
    whole_jobs=1_500,
    idle_jobs=40,
    idle_pace=25.0,
    half_seconds=2.0,
    patience=12.0,
    limit=40.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the service spent on some jobs."""

    jobs: int
    service_seconds: float  # of CPU
    database_seconds: float  # of CPU, in the database's own processes
    statements: int | None  # None if the service does not count them


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Jobs taken, and the submits that went out while they were."""

    load: Load
    submitted_meanwhile: int
    cost: Cost  # until the last of them was submitted


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledBack:
    """Callbacks acknowledged, and what had been worked off when the last of them was."""

    load: Load
    delivered_meanwhile: int
    done: int  # in the end
    done_seconds: float  # from the first callback to the last webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Jobs from their callbacks to their webhooks."""

    jobs: int  # done
    called_back: int
    seconds: float  # from the first callback to the last webhook
    cost: Cost
    checked: Checked

    @property
    def rate(self) -> float:
        """Jobs per second."""
        return self.jobs / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds from sending a job's callback to the arrival of its webhook, ascending."""

    pace: float  # callbacks per second
    seconds: "array[float]"


async def measure_echo(plan: Plan) -> Load:
    """Load the echo with the same driver, connections and size of request; nothing else runs."""
    body = b'{"operation":"openai/images/generations","input":{"model":"gpt-image-2","prompt":"A lighthouse"}}'
    async with child("benchmarks.echo") as echo:
        request = post(echo.port, "/", body, bearer="0" * 32)
        await drive(echo.port, itertools.repeat(request), seconds=0.2)
        return await drive(echo.port, itertools.repeat(request), seconds=plan.echo_seconds)


async def measure_accept(rig: Rig, plan: Plan) -> Accepted:
    """Accept jobs as fast as they are taken, while their submits go out."""
    before = await _meter(rig)
    load = await rig.accept(plan.accept_jobs, seconds=plan.accept_seconds)
    submitted = await rig.submitted()
    await rig.all_submitted()
    cost = _cost(load.statuses[202], before, await _meter(rig))
    return Accepted(load=load, submitted_meanwhile=submitted, cost=cost)


async def measure_callbacks(rig: Rig, count: int, seconds: float) -> CalledBack:
    """Send callbacks as fast as they are acknowledged, while the work behind them goes on; then wait for that work."""
    callbacks = await rig.callbacks(count)
    before = await rig.delivered()
    load = await rig.call_back(callbacks, seconds=seconds)
    meanwhile = await rig.delivered() - before
    await rig.all_delivered()
    done, done_seconds = await _done(rig, before, load)
    return CalledBack(load=load, delivered_meanwhile=meanwhile, done=done, done_seconds=done_seconds)


async def measure_whole(rig: Rig, plan: Plan) -> Whole:
    """Time whole jobs from the first callback to the last webhook, and check some of them afterwards."""
    callbacks = await rig.callbacks(plan.whole_jobs)
    before = await rig.delivered()
    await check(rig)  # forgets the webhooks kept so far
    meter = await _meter(rig)
    load = await rig.call_back(callbacks)
    await rig.all_delivered()
    cost = _cost(load.statuses[200], meter, await _meter(rig))
    jobs, seconds = await _done(rig, before, load)
    called_back = load.statuses[200]
    return Whole(jobs=jobs, called_back=called_back, seconds=seconds, cost=cost, checked=await check(rig))


async def measure_latency(rig: Rig, jobs: int, pace: float) -> Latency:
    """Send callbacks at a steady pace and time each job's way to its webhook."""
    callbacks = await rig.callbacks(jobs)
    before = await rig.delivered()
    load = await rig.call_back(callbacks, pace=pace)
    await rig.all_delivered()
    return Latency(pace=pace, seconds=_ways(callbacks, load, await rig.arrivals(before)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meter:
    service_seconds: float
    database_seconds: float
    statements: int | None


async def _meter(rig: Rig) -> _Meter:
    return _Meter(
        service_seconds=rig.service.cpu_seconds(),
        database_seconds=rig.database.cpu_seconds(),
        statements=await rig.service.statements(),
    )


def _cost(jobs: int, before: _Meter, after: _Meter) -> Cost:
    counted = before.statements is not None and after.statements is not None
    return Cost(
        jobs=jobs,
        service_seconds=after.service_seconds - before.service_seconds,
        database_seconds=after.database_seconds - before.database_seconds,
        statements=(after.statements or 0) - (before.statements or 0) if counted else None,
    )


async def _done(rig: Rig, before: int, load: Load) -> tuple[int, float]:
    """How many jobs are done, and the seconds from the first callback to the last webhook."""
    arrivals = await rig.arrivals(before)
    return len(arrivals), max(arrivals.values(), default=load.finished_at) - load.sent_at[0]


def _ways(callbacks: list[Callback], load: Load, arrivals: dict[int, float]) -> "array[float]":
    sent = zip(callbacks, load.sent_at, strict=False)  # the drive may have ended before the callbacks did
    return array("d", sorted(arrivals[each.position] - at for each, at in sent if each.position in arrivals))
