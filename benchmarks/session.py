"""One database's run from start to end: the order of the measurements, and the limits that end it."""

import asyncio
import contextlib
import sys
from pathlib import Path

import httpx
import psutil

from benchmarks import figures, measures
from benchmarks.figures import Figure
from benchmarks.load import Load
from benchmarks.measures import Plan
from benchmarks.rig import Rig, Stalled, rig
from benchmarks.service import tail
from benchmarks.table import circumstances, render


async def session(name: str, command: list[str], plan: Plan, again: str, folder: Path) -> bool:
    """Measure with one database and print its table; False if the service did not get through all of it.

    The files stay in `folder` until the whole run is over: ext4 goes out of its way, at a millisecond a new file, not
    to use inodes again that were deleted within the last minutes, and the next session would be measured with that.
    """
    _say(name, "the echo")
    echo = await measures.measure_echo(plan)
    found = figures.of_echo(echo)
    stalled = ""
    _say(name, "starting")
    async with rig(name, command, folder, plan.patience) as it:
        try:
            async with asyncio.timeout(plan.limit):
                await _measure(it, plan, echo, found)
        except TimeoutError:
            stalled = f"it was not through after {plan.limit:.0f} s"
        except (Stalled, OSError, httpx.TransportError, psutil.NoSuchProcess) as error:
            stalled = str(error) or type(error).__name__
        database, log = it.database, tail(it.service.log)
    found.append(figures.of_echo_again(await measures.measure_echo(plan)))
    print(f"\n### {database.version}\n\n{render(found)}\n\n{circumstances(database, again)}", flush=True)
    if stalled:
        print(f"\nCut short: {stalled}. The end of the service's log:\n\n{log}", flush=True)
    return not stalled


async def _measure(it: Rig, plan: Plan, echo: Load, found: list[Figure]) -> None:
    """Add the figures as they come, so that a run that is cut short still shows what it has."""
    name = it.database.name
    found += figures.of_start(it)
    _say(name, "accepting jobs")
    accepted = await measures.measure_accept(it, plan)
    found += figures.of_accepted(accepted, echo)
    _say(name, "sending callbacks")
    sustained = await measures.measure_callbacks(it, plan.sustained_callbacks, plan.sustained_seconds)
    found += figures.of_sustained(sustained, echo)
    it.go_on()
    _say(name, f"sending a burst of {plan.burst_callbacks:,} callbacks")
    found += figures.of_burst(await measures.measure_callbacks(it, plan.burst_callbacks, plan.patience))
    it.go_on()
    _say(name, f"doing {plan.whole_jobs:,} whole jobs")
    whole = await measures.measure_whole(it, plan)
    found += figures.of_whole(whole)
    it.go_on()
    _say(name, "one job at a time")
    idle = await measures.measure_latency(it, plan.idle_jobs, plan.idle_pace)
    found.append(figures.of_idle(idle))
    it.go_on()
    _say(name, "half load")
    half = await measures.measure_latency(it, int(plan.half_seconds * whole.rate / 2), whole.rate / 2)
    found.append(figures.of_half_load(half))
    found += figures.of_cost(accepted.cost, whole.cost)
    found += figures.of_memory(it)
    it.go_on()


def _say(name: str, step: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(f"{name}: {step} …", file=sys.stderr, flush=True)
