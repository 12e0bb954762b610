"""One line per reply: what our reading makes of a sample file, in words short enough for a table.

How a file is read follows from its name, `{service}_{resource}__{way}…`: the way is a callback, a submit's answer
(`submit_ack`, `sync_success`, `openapi_200`), a `task_record`, a `tasks_batch` or the events of a stream. The files
`error_{status}_…` are answers with that status.

    succeeded: audio image | failed: bad_request | partial: audio (upstream_error) | running | running 40%
    unknown_task | accepted | refused: used_up | busy: rate_limited | ambiguous

An answer that is the result itself reads like a callback. Several outcomes, of a batch or a stream, are joined by `+`.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.domain.outcome import Outcome, OutcomeState
from orchestrator.providers.replies import (
    Accepted,
    Ambiguous,
    Answer,
    Busy,
    Finished,
    Refused,
    read_answer,
    read_callback,
    read_record,
    read_records,
)

# The folder of real samples is not part of the project, so its table is only there for those who have one.
collect_ignore = [] if os.environ.get("UPSTREAM_SAMPLES") else ["test_upstream_samples.py"]

SERVICES = {"nanobanana": "nano-banana", "nano": "nano-banana", "digitalhuman": "digital-human"}


@pytest.fixture
def summary_of() -> Callable[[Path], str]:
    """Read the file as its name says and put the outcome into one line."""
    return _summary_of


def _summary_of(path: Path) -> str:
    body: object = json.loads(path.read_bytes()) if path.suffix == ".json" else path.read_text()
    service, _, way = path.stem.partition("_")
    service = SERVICES.get(service, service)
    if status := re.match(r"error_(\d{3})_", path.stem):
        return _answer(read_answer(int(status[1]), body, service="openai"))
    if "__callback" in way:
        return _outcome(read_callback(body, service=service))
    if "task_record" in way:
        return _outcome(read_record(body, service=service))
    if "tasks_batch" in way:
        return _batch(body, service)
    if "stream_events" in way:
        assert isinstance(body, list)
        return " + ".join(_outcome(read_callback(event, service=service)) for event in body)
    return _answer(read_answer(200, body, service=service))


def _batch(body: object, service: str) -> str:
    assert isinstance(body, dict)
    records = read_records(body, service=service)
    found = [records.find(record["id"]) for record in body["items"]]
    absent = records.find("another-id")
    ending = "others unknown" if absent else "others unclear"
    return " + ".join([*(_outcome(each) for each in found if each), ending])


def _answer(answer: Answer) -> str:
    match answer:
        case Accepted():
            return "accepted"
        case Finished(outcome=outcome):
            return _outcome(outcome)
        case Refused(error=error):
            return f"refused: {error.code}"
        case Busy(error=error):
            return f"busy: {error.code}"
        case Ambiguous():
            return "ambiguous"


def _outcome(outcome: Outcome) -> str:
    kinds = " ".join(artifact.kind for artifact in outcome.artifacts)
    match outcome.state:
        case OutcomeState.SUCCEEDED if outcome.partial:
            return f"partial: {kinds} ({outcome.error.code if outcome.error else None})"
        case OutcomeState.SUCCEEDED:
            return f"succeeded: {kinds}".removesuffix(": ")
        case OutcomeState.FAILED:
            return f"failed: {outcome.error.code if outcome.error else None}"
        case OutcomeState.RUNNING if outcome.progress is not None:
            return f"running {outcome.progress}%"
        case _:
            return outcome.state.value
