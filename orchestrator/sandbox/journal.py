"""What has been asked of the sandbox and what it has done: the newest of each kind, and counts of all."""

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request

from orchestrator.sandbox.calls import Call

HIDDEN: Final = frozenset({"authorization", "cookie"})


@dataclass(slots=True, kw_only=True)
class Submission:
    """A submit as it came in, and what became of it; the status 444 means that the connection was dropped."""

    request_id: str
    at: float
    operation: str
    path: str
    headers: dict[str, str]
    trace_id: str
    body: object = None
    task_id: str | None = None
    status: int | None = None


@dataclass(slots=True)
class Journal:
    """Lists are bounded by `keep`; so is the memory by which a trace_id is known to have been seen before."""

    keep: int
    submissions: deque[Submission] = field(init=False)
    calls: deque[Call] = field(init=False)
    counts: Counter[str] = field(init=False)
    _traces: OrderedDict[str, None] = field(init=False)
    _attempts: OrderedDict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.submissions = deque(maxlen=self.keep)
        self.calls = deque(maxlen=self.keep)
        self.counts = Counter()
        self._traces = OrderedDict()
        self._attempts = OrderedDict()

    def open(self, request: Request, operation: str, request_id: str, *, now: float) -> Submission:
        """Note a submit as soon as it comes in; until it turns out to have a trace_id, its own id stands for that."""
        headers = {name: "(hidden)" if name in HIDDEN else value for name, value in request.headers.items()}
        path = request.url.path
        submission = Submission(
            request_id=request_id, at=now, operation=operation, path=path, headers=headers, trace_id=request_id
        )
        self.submissions.append(submission)
        self.counts["submits"] += 1
        return submission

    def close(self, submission: Submission, status: int) -> None:
        submission.status = status
        if submission.trace_id not in self._traces:
            self.counts["unique_trace_ids"] += 1
            self._traces[submission.trace_id] = None
            _trim(self._traces, self.keep)

    def report(self, call: Call) -> None:
        self.calls.append(call)
        self.counts["callbacks_taken" if call.was_taken else "callbacks_failed"] += 1

    def attempt(self, operation: str, prompt: str) -> int:
        """How many submits have now come with this very prompt, this one included."""
        key = f"{operation} {prompt}"
        self._attempts[key] = self._attempts.get(key, 0) + 1
        _trim(self._attempts, self.keep)
        return self._attempts[key]


def _trim(known: OrderedDict[str, Any], keep: int) -> None:
    while len(known) > keep:
        known.popitem(last=False)
