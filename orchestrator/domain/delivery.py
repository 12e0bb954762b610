"""A delivery: one event owed to one endpoint. An attempt is one try at it.

    pending ──DELIVER──▶ succeeded
       │ ├──EXHAUST────▶ failed       no try is left, or the endpoint said 410
       │ └──SUPERSEDE──▶ superseded   the endpoint was told a newer fact of the same job
       └────ABANDON────▶ canceled     its endpoint was deleted or disabled

A failed try leaves the row `pending` with a later `due_at`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from orchestrator.domain.ids import ConsumerId, DeliveryId, EndpointId, EventId, JobId
from orchestrator.domain.transition import Transition


class DeliveryState(StrEnum):
    """Whether an endpoint has been told."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    CANCELED = "canceled"


_PENDING: Final = frozenset({DeliveryState.PENDING})
DELIVER: Final = Transition("deliver", _PENDING, DeliveryState.SUCCEEDED)
EXHAUST: Final = Transition("exhaust", _PENDING, DeliveryState.FAILED)
SUPERSEDE: Final = Transition("supersede", _PENDING, DeliveryState.SUPERSEDED)
ABANDON: Final = Transition("abandon", _PENDING, DeliveryState.CANCELED)

TRANSITIONS: Final[Sequence[Transition[DeliveryState]]] = (DELIVER, EXHAUST, SUPERSEDE, ABANDON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row of `deliveries`."""

    id: DeliveryId
    event_id: EventId
    event_type: str
    consumer_id: ConsumerId
    job_id: JobId
    revision: int
    endpoint_id: EndpointId | None
    """None for the job's own `callback_url`."""
    url: str
    state: DeliveryState
    attempt: int
    """The lease's fence."""
    tries: int
    """How many attempts were recorded: the place in the retry schedule."""
    due_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One row of `attempts`: what happened in one try."""

    id: str
    delivery_id: DeliveryId
    number: int
    status: int | None
    """The HTTP status; None when there was no answer."""
    error: str | None
    """A code word for what went wrong: `timeout`, `refused`, `forbidden` …"""
    excerpt: str
    """The first KiB of the reply."""
    seconds: float
    started_at: datetime
