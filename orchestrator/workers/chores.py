"""What is done every so often, rather than handed from verb to verb."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from orchestrator.lifecycle.collect import renew
from orchestrator.lifecycle.prune import prune
from orchestrator.lifecycle.reconcile import reconcile
from orchestrator.lifecycle.services import Services
from orchestrator.storage.tasks import lease_to_reconcile

_ASKED_AT_ONCE: Final = 50
"""The most tasks that one question to a provider may be about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """One regular duty; `run` says whether there is more to do at once."""

    name: str
    every: timedelta
    run: Callable[[Services], Awaitable[bool]]


async def _reconcile(services: Services) -> bool:
    now = services.now()
    async with services.db.writing() as tx:
        tasks = await lease_to_reconcile(tx, now=now, until=now + services.policy.lease, limit=_ASKED_AT_ONCE)
    if tasks:
        await reconcile(services, tasks)
    return len(tasks) == _ASKED_AT_ONCE


async def _watch(services: Services) -> bool:
    await services.watch.look(services.db)
    return False


RECONCILE: Final = Chore(name="reconcile", every=timedelta(seconds=1), run=_reconcile)
RENEW: Final = Chore(name="renew", every=timedelta(seconds=15), run=renew)
WATCH: Final = Chore(name="watch", every=timedelta(seconds=1), run=_watch)
PRUNE: Final = Chore(name="prune", every=timedelta(minutes=10), run=prune)

CHORES: Final = (RECONCILE, RENEW, WATCH, PRUNE)
