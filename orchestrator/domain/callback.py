"""A reply in the inbox: recorded once, settled later.

The inbox holds more than callbacks: an inline result and a record found by asking are kept the same way, so that there
is one road from a reply to a job's fate, and a crash anywhere on it loses nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.ids import CallbackId, TaskId


class Source(StrEnum):
    """How a reply reached us."""

    CALLBACK = "callback"
    ANSWER = "answer"
    POLL = "poll"


class InboxState(StrEnum):
    """What became of a reply."""

    RECEIVED = "received"
    SETTLED = "settled"
    """It decided its task."""
    PROGRESS = "progress"
    """It told of progress, and nothing else."""
    LATE = "late"
    """The task or its job was decided before; kept, and of no consequence to consumers."""
    MISMATCHED = "mismatched"
    """It names another upstream task than the one we submitted; kept, and of no consequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One row of `callbacks`. The body is in the row, or in the blob store under `body_key`."""

    id: CallbackId
    task_id: TaskId
    source: Source
    status: int | None
    """The HTTP status that came with an answer; None for callbacks and records."""
    body: bytes | None
    body_key: str | None
    digest: str
    """SHA-256 of the body, hex: the same callback twice is one row."""
    attempt: int
    received_at: datetime
