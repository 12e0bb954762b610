"""What a full lane has no room for goes back to the database, and is due again at once."""

from orchestrator.domain.ids import ConsumerId
from orchestrator.lifecycle.services import Services
from orchestrator.lifecycle.settle import settle
from orchestrator.workers.stations import DELIVER
from tests.clock import Clock
from tests.fakes import World
from tests.lifecycle.acting import FAILURE, call_back, listen, submitted
from tests.working import open_handoffs, run_until_idle


async def test_a_delivery_that_is_put_back_is_not_held_until_its_lease_runs_out(
    services: Services, world: World, consumer: ConsumerId, clock: Clock
) -> None:
    await listen(services, consumer, f"{world.url}/hook/a")
    _, task = await submitted(services, consumer)
    open_handoffs(services)
    await call_back(services, task, FAILURE)
    await settle(services, await services.handoffs.settle.take(10))
    parcels = await services.handoffs.deliver.take(10)
    assert DELIVER.release is not None

    await DELIVER.release(services, parcels)
    clock.advance(seconds=2)
    await run_until_idle(services)

    assert len(parcels) == len(world.told("a")) == 1
