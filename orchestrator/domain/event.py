"""An event: a fact that consumers are told."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from orchestrator.domain.ids import ConsumerId, EventId, JobId
from orchestrator.domain.job import JobState


class EventType(StrEnum):
    """The kinds of events; each is told when its job reaches the state of the same name."""

    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELED = "job.canceled"
    EXPIRED = "job.expired"


OF_STATE: Final = {
    JobState.SUCCEEDED: EventType.SUCCEEDED,
    JobState.FAILED: EventType.FAILED,
    JobState.CANCELED: EventType.CANCELED,
    JobState.EXPIRED: EventType.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of `events`. `payload` is the webhook's whole body, fixed at the moment of the fact."""

    id: EventId
    consumer_id: ConsumerId
    job_id: JobId
    type: str
    revision: int
    payload: bytes
    callback_payload: bytes | None
    """The body in the upstream's own shape, for the job's own `callback_url`."""
    created_at: datetime
