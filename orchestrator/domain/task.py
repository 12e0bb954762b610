"""A task: one submission of a job to a provider.

    queued ──SEND──▶ sending ──ACCEPT──▶ accepted ──┐
      ▲                │ │                           ├──COMPLETE──▶ succeeded
      └────BACK_OFF────┘ └──DOUBT──▶ unknown ────────┤
       nothing was sent              may have happened└──FAIL──▶ failed
                                       └──LOSE──▶ lost   the provider said twice that it does not know it

SEND is committed before the first byte leaves: a row found `sending` after a crash may or may not have reached the
provider, so it becomes `unknown` and is asked for by `trace_id`, never sent again. Only BACK_OFF (429, connection
refused: nothing was started) leads back to `queued`. ACCEPT leads out of `queued` as well, for a provider that said 429
and then reports progress all the same. COMPLETE and FAIL have every open state as source, because
callbacks overtake the answers to their own submits. A lost task that succeeds after all is good news, so COMPLETE
leads out of `lost` as well; its failure is not, because another submission is on its way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from orchestrator.domain.ids import JobId, TaskId
from orchestrator.domain.transition import Transition


class TaskState(StrEnum):
    """Where a submission is."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """A final task needs no more work; what still arrives for it is late."""
        return self not in OPEN


OPEN: Final = frozenset({TaskState.QUEUED, TaskState.SENDING, TaskState.ACCEPTED, TaskState.UNKNOWN})
SENT: Final = frozenset({TaskState.SENDING, TaskState.ACCEPTED, TaskState.UNKNOWN})
"""The states that reconcile looks after: the provider may know of the task."""

SEND: Final = Transition("send", frozenset({TaskState.QUEUED}), TaskState.SENDING)
BACK_OFF: Final = Transition("back_off", frozenset({TaskState.SENDING}), TaskState.QUEUED)
ACCEPT: Final = Transition(
    "accept", frozenset({TaskState.QUEUED, TaskState.SENDING, TaskState.UNKNOWN}), TaskState.ACCEPTED
)
DOUBT: Final = Transition("doubt", frozenset({TaskState.SENDING}), TaskState.UNKNOWN)
COMPLETE: Final = Transition("complete", OPEN | {TaskState.LOST}, TaskState.SUCCEEDED)
FAIL: Final = Transition("fail", OPEN, TaskState.FAILED)
LOSE: Final = Transition("lose", frozenset({TaskState.UNKNOWN}), TaskState.LOST)

TRANSITIONS: Final[Sequence[Transition[TaskState]]] = (SEND, BACK_OFF, ACCEPT, DOUBT, COMPLETE, FAIL, LOSE)


class RecoveredBy(StrEnum):
    """How a result came in, when it was not by its callback."""

    POLL = "poll"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One row of `tasks`."""

    id: TaskId
    job_id: JobId
    state: TaskState
    attempt: int
    """How often the row was leased: the fence of every write made under that lease."""
    due_at: datetime | None
    """Queued: when to submit. Sending: when the sender counts as dead. Accepted, unknown: when to ask the provider."""
    operation: str
    provider: str
    sends: int
    """How many submits were refused without being started, plus the one that counts."""
    asks: int
    """How often the provider was asked about this task."""
    absences: int
    """How often in a row the provider said that it does not know this task."""
    upstream_task_id: str | None
    recovered_by: RecoveredBy | None
    last_error: str | None
    sent_at: datetime | None
    deadline_at: datetime
    created_at: datetime
    finished_at: datetime | None
