"""From measurements to figures: each with its unit, its ratio to the echo, its target and what was measured."""

from dataclasses import dataclass

from benchmarks.load import Load, percentile
from benchmarks.measures import Accepted, CalledBack, Cost, Latency, Whole
from benchmarks.rig import Rig

MICRO = 1e6
MILLI = 1e3
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table."""

    name: str
    value: str
    per_second: float | None = None  # for the ratio to the echo
    target: str = ""
    met: bool = True
    measured: str


def of_echo(echo: Load) -> list[Figure]:
    """The yardstick, and what the driver itself costs."""
    micros = echo.cpu_per_request * MICRO
    what = f"a Starlette app that answers a POST with its own body; {latencies(echo)}"
    driver = Figure(
        name="driver CPU",
        value=f"{micros:.1f} µs",
        target="< 20 µs",
        met=micros < 20,
        measured="per request to the echo, in the process that sends all load",
    )
    return [Figure(name="echo", value=f"{echo.rate:,.0f}/s", per_second=echo.rate, measured=what), driver]


def of_echo_again(echo: Load) -> Figure:
    """The yardstick once more, after everything: how steady this machine was meanwhile."""
    return Figure(name="echo, at the end", value=f"{echo.rate:,.0f}/s", per_second=echo.rate, measured=latencies(echo))


def of_start(rig: Rig) -> list[Figure]:
    """How soon the service was there."""
    seconds = rig.service.ready_seconds
    schema = "the schema had been made by `db upgrade`" if rig.database.pid else "it makes its database meanwhile"
    return [
        Figure(
            name="time to ready",
            value=f"{seconds:.2f} s",
            target="≤ 1.5 s",
            met=seconds <= 1.5,
            measured=f"from the start of the process to 200 at /readyz; {schema}",
        )
    ]


def of_accepted(accepted: Accepted, echo: Load) -> list[Figure]:
    """Jobs accepted per second."""
    load = accepted.load
    rate = load.rate_of(202)
    went = f"{accepted.submitted_meanwhile:,} of {load.statuses[202]:,} submits had gone out at the end"
    return [
        Figure(
            name="jobs accepted",
            value=f"{rate:,.0f}/s",
            per_second=rate,
            target="≥ 0.15",
            met=rate >= 0.15 * echo.rate,
            measured=f"POST /v1/jobs → 202, {latencies(load)}{others(load, 202)}; {went}",
        )
    ]


def of_sustained(called: CalledBack, echo: Load) -> list[Figure]:
    """Callbacks acknowledged per second."""
    load = called.load
    rate, p99 = load.rate_of(200), percentile(load.latencies, 0.99) * MILLI
    went = f"{called.delivered_meanwhile:,} of {load.statuses[200]:,} jobs were done at the end"
    return [
        Figure(
            name="callbacks acknowledged",
            value=f"{rate:,.0f}/s",
            per_second=rate,
            target="≥ 0.10",
            met=rate >= 0.10 * echo.rate,
            measured=f"POST to each job's callback_url → 200, {latencies(load)}{others(load, 200)}; {went}",
        ),
        Figure(
            name="callback p99",
            value=f"{p99:.1f} ms",
            target="≤ 100 ms",
            met=p99 <= 100,
            measured="from sending to the 200, in the same run",
        ),
    ]


def of_burst(called: CalledBack) -> list[Figure]:
    """A burst of callbacks and the work that it leaves."""
    load = called.load
    rate = load.rate_of(200)
    told = f"acknowledged in {load.seconds:.2f} s, {latencies(load)}{others(load, 200)}"
    rest = f"{called.delivered_meanwhile:,} jobs done by then, {called.done:,} after {called.done_seconds:.1f} s"
    name = f"burst of {load.answered:,} callbacks"
    return [Figure(name=name, value=f"{rate:,.0f}/s", per_second=rate, measured=f"{told}; {rest}")]


def of_whole(whole: Whole) -> list[Figure]:
    """Whole jobs per second, and the proof that they are whole."""
    checked = whole.checked
    picture = f"a JPEG of {checked.picture_bytes / 1e3:.0f} kB fetched, verified and stored for each"
    done = f"{whole.jobs:,} of {whole.called_back:,} jobs"
    extra = f"{checked.repeated} repeated webhooks, {checked.asked} questions to the tasks API"
    return [
        Figure(
            name="whole jobs",
            value=f"{whole.rate:,.0f}/s",
            per_second=whole.rate,
            target="≥ 800/s",
            met=whole.rate >= 800 and whole.jobs == whole.called_back,
            measured=f"{done} from the first callback to the last webhook, {picture}",
        ),
        Figure(
            name="found right",
            value=f"{checked.right} of {checked.kept}",
            target="all",
            met=0 < checked.kept == checked.right,
            measured=f"signature and stored bytes of sampled webhooks; {extra}",
        ),
    ]


def of_idle(latency: Latency) -> Figure:
    """From callback to webhook when there is nothing else to do."""
    p50 = percentile(latency.seconds, 0.50) * MILLI
    return Figure(
        name="callback → webhook, idle",
        value=f"{p50:.1f} ms",
        target="≤ 10 ms",
        met=p50 <= 10,
        measured=_ways(latency),
    )


def of_half_load(latency: Latency) -> Figure:
    """From callback to webhook at half of the whole jobs per second."""
    p50 = percentile(latency.seconds, 0.50) * MILLI
    return Figure(name="callback → webhook, half load", value=f"{p50:.1f} ms", measured=_ways(latency))


def _ways(latency: Latency) -> str:
    p95, p99 = (percentile(latency.seconds, share) * MILLI for share in (0.95, 0.99))
    return f"median of {len(latency.seconds):,} at {latency.pace:,.0f}/s; p95 {p95:.1f}, p99 {p99:.1f} ms"


def of_cost(accepting: Cost, finishing: Cost) -> list[Figure]:
    """CPU and statements per job, for both halves of its way."""
    halves = (accepting, finishing)
    service = [half.service_seconds / half.jobs * MICRO for half in halves]
    database = sum(half.database_seconds / half.jobs for half in halves) * MICRO
    beside = f"; its database's processes {database:,.0f} µs" if database else ""
    return [
        Figure(
            name="service CPU per job",
            value=f"{sum(service):,.0f} µs",
            measured=f"accept and submit {service[0]:,.0f} µs, callback to webhook {service[1]:,.0f} µs{beside}",
        ),
        _statements(accepting, finishing),
    ]


def _statements(accepting: Cost, finishing: Cost) -> Figure:
    measured = "orchestrator_statements_total at /metrics"
    if accepting.statements is None or finishing.statements is None:
        return Figure(name="statements per job", value="unknown", measured=f"there is no {measured}")
    per_job = [half.statements / half.jobs for half in (accepting, finishing) if half.statements is not None]
    split = f"accept and submit {per_job[0]:.2f}, callback to webhook {per_job[1]:.2f}"
    return Figure(name="statements per job", value=f"{sum(per_job):.2f}", measured=f"{split}; {measured}")


def of_memory(rig: Rig) -> list[Figure]:
    """The service's memory, and what the peers cost beside it."""
    upstream = rig.upstream.cpu_seconds() / rig.accepted * MICRO
    sink = rig.sink.cpu_seconds() / rig.acknowledged * MICRO
    return [
        Figure(
            name="memory",
            value=f"{rig.peak_bytes / MEGABYTE:,.0f} MB",
            measured=f"highest resident size seen after any step; {rig.start_bytes / MEGABYTE:,.0f} MB when ready",
        ),
        Figure(
            name="peers' CPU per job",
            value=f"{upstream + sink:.0f} µs",
            measured=f"upstream {upstream:.0f} µs (submit and picture), consumer {sink:.0f} µs, their start included",
        ),
    ]


def latencies(load: Load) -> str:
    """The median and the tail, in milliseconds."""
    p50, p99 = (percentile(load.latencies, share) * MILLI for share in (0.50, 0.99))
    return f"p50 {p50:.1f}, p99 {p99:.1f}, max {load.latencies[-1] * MILLI:.1f} ms"


def others(load: Load, expected: int) -> str:
    """The answers that were not the expected one, which do not count in the rate."""
    strange = {str(status): count for status, count in load.statuses.items() if status != expected}
    if load.unanswered:
        strange["unanswered"] = load.unanswered
    return "".join(f", {count:,} answers {what}" for what, count in strange.items())
