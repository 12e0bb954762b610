"""Read any reply of an upstream: a callback, the HTTP answer to a submit, a record of its tasks interface.

Pure functions over decoded JSON; they never raise, whatever the JSON is. What an upstream posts as a callback, what it
answers when the connection is held, and what it keeps as a record's `response` are one and the same body, so one
judgement serves all three. What differs is how final a reply is and, for answers, what it says about the submit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from orchestrator.domain.outcome import Outcome, OutcomeState, UpstreamError
from orchestrator.providers.errors import complaint_of, error_of_status
from orchestrator.providers.shape import JsonObject, created, identifier
from orchestrator.providers.verdict import Ending, judge

_REFUSALS: Final = frozenset({400, 401, 402, 403, 404, 405, 410, 413, 414, 415, 422, 431, 451})
"""Statuses that say that the request was not taken up. 408 and 409 do not say so, nor does any 5xx."""
_TOO_MANY: Final = 429
_NO_SUCH_TASK: Final = "not_found"
_PROSPECTS: Final = (OutcomeState.UNKNOWN_TASK, OutcomeState.FAILED, OutcomeState.RUNNING, OutcomeState.SUCCEEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The task was taken up; its result comes later."""

    task_id: str
    trace_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The answer is the final result already, good or bad."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The request was turned down; the same one would be again."""

    error: UpstreamError
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Nothing was started, because too much is; how long to wait is for the caller to read from the headers."""

    error: UpstreamError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguous:
    """A task may have been started and may be paid for: ask before anything is sent again."""

    reason: str
    error: UpstreamError | None = None
    """What the upstream gave as its error, where it gave one."""
    task_id: str | None = None
    """The task to ask about, should even such an answer name one."""


Answer: TypeAlias = Accepted | Finished | Refused | Busy | Ambiguous


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What a batch of records says, by task id and by trace id."""

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    records: Mapping[str, JsonObject] = field(default_factory=dict)
    """The record behind each outcome, under the same keys."""
    is_complete: bool = False
    """The batch holds all that was found. If not, what is missing from it may exist."""

    def find(self, *keys: str | None) -> Outcome | None:
        """The outcome under the first key that is known; None if this batch proves nothing about them."""
        found = next((self.outcomes[key] for key in keys if key is not None and key in self.outcomes), None)
        if found is None and self.is_complete and any(keys):
            return Outcome(state=OutcomeState.UNKNOWN_TASK)
        return found


def read_callback(body: object, *, service: str) -> Outcome:
    """Read what was posted to our callback URL. A body that is not an object says nothing: the task runs on."""
    if not isinstance(body, dict):
        return Outcome(state=OutcomeState.RUNNING)
    return _read_spoken(body, service)


def read_answer(status: int, body: object, *, service: str) -> Answer:
    """Read the HTTP answer to a submit; `body` is the decoded JSON, or anything else where it was none."""
    if 200 <= status < 300:
        return _read_success(status, body, service)
    error = error_of_status(status, body)
    if status == _TOO_MANY:
        return Busy(error=error)
    if status in _REFUSALS:
        return Refused(error=error, status=status)
    task_id = identifier(body.get("task_id")) if isinstance(body, dict) else None
    return Ambiguous(reason=f"The upstream answered {status}: {error.message}", error=error, task_id=task_id)


def read_record(record: object, *, service: str) -> Outcome:
    """Read one record of the tasks interface, or the empty object that stands for one that is not there.

    An error that names no task is about our question and says nothing about the task, unless it is `not_found`.
    """
    if not isinstance(record, dict):
        return Outcome(state=OutcomeState.RUNNING)
    if not record:
        return Outcome(state=OutcomeState.UNKNOWN_TASK)
    if (error := _error_of_the_question(record)) is not None:
        unknown = error.code.lower() == _NO_SUCH_TASK
        return Outcome(state=OutcomeState.UNKNOWN_TASK if unknown else OutcomeState.RUNNING)
    ending = Ending.FINISHED if record.get("finished_at") else Ending.OPEN
    response = record.get("response", record)  # seedream's records have no `response`: they are one
    reply = response if isinstance(response, dict) else {}
    outcome = judge(reply, service=service, ending=ending, record=record)
    ids = map(identifier, (record.get("id"), record.get("task_id"), reply.get("task_id")))
    return replace(
        outcome,
        task_id=next(filter(None, ids), None),
        trace_id=next(iter(_traces(record)), None) or identifier(reply.get("trace_id")),
        created=created(reply),
    )


def read_records(body: object, *, service: str) -> Records:
    """Read a batch `{items, count}`. Of several records with one trace id the one with the best prospect is kept."""
    listed = body.get("items") if isinstance(body, dict) else body
    if not isinstance(listed, list):
        return Records()
    records = [record for record in listed if isinstance(record, dict) and record]
    outcomes: dict[str, Outcome] = {}
    behind: dict[str, JsonObject] = {}
    for record in records:
        outcome = read_record(record, service=service)
        for key in _keys(record):
            if key not in outcomes or _prospect(outcome) > _prospect(outcomes[key]):
                outcomes[key], behind[key] = outcome, record
    count = body.get("count") if isinstance(body, dict) else None
    all_here = len(records) == len(listed) and not (isinstance(count, int) and count > len(records))
    return Records(outcomes=outcomes, records=behind, is_complete=all_here)


def _prospect(outcome: Outcome) -> int:
    return _PROSPECTS.index(outcome.state)


def _read_success(status: int, body: object, service: str) -> Answer:
    if not isinstance(body, dict):
        return Ambiguous(reason=f"The upstream answered {status} with a body that is no JSON object.")
    outcome = _read_spoken(body, service)
    if outcome.is_final:
        return Finished(outcome=outcome)
    if outcome.task_id is not None:
        return Accepted(task_id=outcome.task_id, trace_id=outcome.trace_id)
    return Ambiguous(reason=f"The upstream answered {status} with neither a task id nor a result.")


def _read_spoken(body: JsonObject, service: str) -> Outcome:
    return replace(
        judge(body, service=service, ending=Ending.SPOKEN),
        task_id=identifier(body.get("task_id")),
        trace_id=identifier(body.get("trace_id")),
        created=created(body),
    )


def _error_of_the_question(record: JsonObject) -> UpstreamError | None:
    complaint = complaint_of(record)
    return complaint.error if complaint and not record.keys() & {"id", "task_id", "response"} else None


def _keys(record: JsonObject) -> set[str]:
    ids = filter(None, map(identifier, (record.get("id"), record.get("task_id"))))
    return {*ids, *_traces(record)}


def _traces(record: JsonObject) -> list[str]:
    """The trace ids of a record. Some keep the one that we chose only in the request that they repeat."""
    nodes = (node for node in (record, record.get("request")) if isinstance(node, dict))
    return [trace for node in nodes if (trace := identifier(node.get("trace_id")))]
