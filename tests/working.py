"""The workers, run by hand: everything that is due at this moment of the test's clock, and nothing else."""

from orchestrator.lifecycle.services import Services
from orchestrator.workers.chores import RECONCILE
from orchestrator.workers.stations import STATIONS
from orchestrator.workers.supervisor import work_off


def open_handoffs(services: Services) -> None:
    """Let work be handed over in memory, as in a process with workers."""
    for station in STATIONS:
        station.handoff(services.handoffs).open()


def lose_memory(services: Services) -> None:
    """What a crash does to what was only handed over in memory."""
    for station in STATIONS:
        station.handoff(services.handoffs).close()


async def run_until_idle(services: Services) -> None:
    """Work until nothing is due."""
    for _ in range(50):
        done = await work_off(services)
        await RECONCILE.run(services)
        if not done and not any(len(station.handoff(services.handoffs)) for station in STATIONS):
            return
    raise AssertionError("The services do not come to rest.")
