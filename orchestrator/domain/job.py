"""A job: what a consumer asked for, and our durable unit.

                     ┌──────────────── inline result or early callback ────────────────┐
                     │                                                                  ▼
    queued ──SUBMIT──▶ submitted ──PROGRESS──▶ processing ──RESULT──▶ storing ──STORED──▶ succeeded
      │                   │                        │                     │
      ├──────FAIL─────────┴────────────────────────┴─────────────────────┴──▶ failed
      ├──────CANCEL─────── (any of them) ──────────────────────────────────▶ canceled
      └──────EXPIRE─────── (before a result is known) ─────────────────────▶ expired

RESUBMIT leads from the waiting states back to `queued`; so does RETRY from `failed`, `expired` and `canceled`, each
with a new task. `revision` grows with every visible change: it is the ETag, the id of server-sent events, and the
guard against telling an older fact after a newer one. `finished_at` is set exactly in final states; a CHECK in the
schema says so too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from orchestrator.domain.ids import ConsumerId, JobId
from orchestrator.domain.transition import Transition


class JobState(StrEnum):
    """Where a job is; `status` in the API."""

    QUEUED = "queued"
    SUBMITTED = "submitted"
    PROCESSING = "processing"
    STORING = "storing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Nothing but an explicit retry leaves a final state."""
        return self in FINAL


FINAL: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})
WAITING: Final = frozenset({JobState.QUEUED, JobState.SUBMITTED, JobState.PROCESSING})
"""The states in which the upstream's result is not known yet."""

SUBMIT: Final = Transition("submit", frozenset({JobState.QUEUED}), JobState.SUBMITTED)
PROGRESS: Final = Transition("progress", WAITING, JobState.PROCESSING)
RESULT: Final = Transition("result", WAITING, JobState.STORING)
RESULT_WITHOUT_MEDIA: Final = Transition("result_without_media", WAITING, JobState.SUCCEEDED)
"""Lyrics or a persona: there is nothing to store."""
STORED: Final = Transition("stored", frozenset({JobState.STORING}), JobState.SUCCEEDED)
FAIL: Final = Transition("fail", WAITING, JobState.FAILED)
GIVE_UP: Final = Transition("give_up", frozenset({JobState.STORING}), JobState.FAILED)
"""The result is known and its files cannot be had. Only collecting fails a job whose result is in."""
CANCEL: Final = Transition("cancel", WAITING | {JobState.STORING}, JobState.CANCELED)
EXPIRE: Final = Transition("expire", WAITING, JobState.EXPIRED)
RETRY: Final = Transition("retry", FINAL - {JobState.SUCCEEDED}, JobState.QUEUED)

RESUBMIT: Final = Transition("resubmit", WAITING, JobState.QUEUED)
"""The provider does not have what was submitted: a new task is queued in its place."""

TRANSITIONS: Final[Sequence[Transition[JobState]]] = (
    SUBMIT,
    PROGRESS,
    RESULT,
    RESULT_WITHOUT_MEDIA,
    STORED,
    FAIL,
    GIVE_UP,
    CANCEL,
    EXPIRE,
    RETRY,
    RESUBMIT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job did not succeed, as consumers see it."""

    code: str
    message: str
    retryable: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The shape of `job.error`."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of `jobs`."""

    id: JobId
    consumer_id: ConsumerId
    operation: str
    """`service/resource`, as in the upstream's path: `openai/images/generations`."""
    provider: str
    state: JobState
    revision: int
    attempt: int
    """How often the row was leased for collecting: the fence of every write made under that lease."""
    attempt_before: int
    """What `attempt` was when storing began: an attempt never shrinks, also not when a job is retried."""
    due_at: datetime | None
    """When a `storing` job next deserves a worker; nothing else leases jobs."""
    input: Mapping[str, Any]
    """The upstream's own body; strings over 64 KiB are shortened here and whole in `input_blob`."""
    input_blob: str | None
    """Key of the whole input in the blob store, when it is too big for a row."""
    uploads: Sequence[Mapping[str, Any]] | None
    """Files of a multipart request: `{field, filename, content_type, bytes, sha256, key}`."""
    metadata: Mapping[str, Any]
    callback_url: str | None
    trace_id: str
    progress: int | None
    partial: bool
    error: Mapping[str, Any] | None
    upstream_created: int | None
    """The upstream's own `created`, Unix seconds, for answers in its shape."""
    deadline_at: datetime
    created_at: datetime
    submitted_at: datetime | None
    finished_at: datetime | None

    @property
    def collects(self) -> int:
        """How often the job was leased for collecting the assets of its present result."""
        return self.attempt - self.attempt_before

    @property
    def service(self) -> str:
        """The family of paths at the provider: `openai`."""
        return service_of(self.operation)


def service_of(operation: str) -> str:
    """`openai` of `openai/images/generations`."""
    return operation.partition("/")[0]
