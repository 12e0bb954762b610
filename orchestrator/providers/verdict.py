"""Weigh everything that one reply says into an outcome.

Flag, state words, errors, progress and media contradict each other, in ways that were all seen. In which order they
are believed is the whole content of this module:

    1  a failure that is the upstream's last word    failed; succeeded in part if a listed result is good
    2  a word or a percentage that says "not yet"    running, even beside `finished_at` or `success: true`
    3  media                                         succeeded; in part if other listed results failed
    4  listed results that failed, none that is good failed
    5  success and a result that is not media        succeeded without artifacts
    6  a finished record that says done, no media    failed
    7  anything else                                 running: waiting is cheap, a wrong ending is not
"""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from orchestrator.domain.outcome import Artifact, AssetKind, Outcome, OutcomeState, UpstreamError
from orchestrator.providers.artifacts import Trust, find_artifacts
from orchestrator.providers.errors import Complaint, complaint_of, find_complaint, unexplained, upstream_error
from orchestrator.providers.shape import JsonObject, items, layers, progress
from orchestrator.providers.texts import has_text
from orchestrator.providers.words import Phase, phase, phases

_STREAMING: Final = frozenset({"suno", "producer"})
"""Services that show a playable `audio_url` and a cover while the song is still being made."""
_RUNNING: Final = Outcome(state=OutcomeState.RUNNING)
_NOTHING_DELIVERED: Final = upstream_error(None, "The upstream says that it is done but names no result.")


class Ending(Enum):
    """How final a reply is before one has read it."""

    SPOKEN = auto()
    """A callback or an answer: it was sent because there was something to say."""
    FINISHED = auto()
    """A record with `finished_at`."""
    OPEN = auto()
    """A record without: the task runs, or the record is from before that field was kept."""


def judge(reply: JsonObject, *, service: str, ending: Ending, record: JsonObject | None = None) -> Outcome:
    """Weigh a reply; the outcome has no ids yet.

    `record` is what the tasks interface puts around the reply. Its own state, error and progress count as the reply's.
    """
    said = _listen(reply, record or {}, service)
    return replace(_weigh(said, ending), progress=said.progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    service: str
    flag: bool | None
    complaint: Complaint | None
    blame: UpstreamError
    """The error to show, should it turn out that there was one."""
    words: frozenset[Phase]
    says_failed: bool
    bad_items: tuple[bool, ...]
    """For each listed result whether it failed."""
    progress: int | None
    artifacts: tuple[Artifact, ...]
    has_text: bool

    @property
    def is_done(self) -> bool:
        return Phase.DONE in self.words

    @property
    def is_running(self) -> bool:
        below_100 = self.progress is not None and self.progress < 100
        return Phase.RUNNING in self.words or (below_100 and not self.is_done)

    @property
    def has_result(self) -> bool:
        """Media that are more than the cover of a song that is missing."""
        covers_only = all(artifact.kind is AssetKind.IMAGE for artifact in self.artifacts)
        return bool(self.artifacts) and not (covers_only and self.service in _STREAMING)


def _listen(reply: JsonObject, record: JsonObject, service: str) -> _Said:
    listed = list(items(reply))
    own = phases([*layers(reply), record])
    words = own | phases(listed)
    flag = next((told for node in (reply, record) if isinstance(told := node.get("success"), bool)), None)
    complaint = complaint_of(reply) or find_complaint(record)
    item_complaints = [find_complaint(item) for item in listed]
    blamed = next(filter(None, [complaint, *item_complaints]), None)
    intact = Phase.FAILED not in own
    trust = Trust(own=intact and complaint is None and flag is not False, listed=intact)
    return _Said(
        service=service,
        flag=flag,
        complaint=complaint,
        blame=blamed.error if blamed else unexplained(reply or record),
        words=words,
        says_failed=not intact,
        bad_items=tuple(
            phase(item) is Phase.FAILED or bool(found) for item, found in zip(listed, item_complaints, strict=True)
        ),
        progress=progress(reply, record),
        artifacts=find_artifacts(reply, service=service, trust=trust),
        has_text=has_text(reply, service=service, succeeded=flag is True or Phase.DONE in words),
    )


def _weigh(said: _Said, ending: Ending) -> Outcome:
    if _is_failure(said, ending):
        return _succeeded(said, error=said.blame) if said.has_result else _failed(said.blame)
    if _is_running(said, ending):
        return _RUNNING
    if said.has_result:
        return _succeeded(said, error=said.blame if any(said.bad_items) else None)
    if any(said.bad_items) and (all(said.bad_items) or ending is not Ending.OPEN):
        return _failed(said.blame)
    if said.has_text:
        return _succeeded(said, error=None)
    if said.is_done and ending is Ending.FINISHED:
        return _failed(_NOTHING_DELIVERED)
    return _RUNNING


def _is_failure(said: _Said, ending: Ending) -> bool:
    if said.says_failed or (said.complaint and said.complaint.is_structured):
        return True
    refused = said.complaint is not None or (said.flag is False and not said.is_running)
    return refused and ending is not Ending.OPEN


def _is_running(said: _Said, ending: Ending) -> bool:
    if said.is_running or (Phase.UNSURE in said.words and ending is not Ending.FINISHED):
        return True
    if ending is not Ending.OPEN:
        return False
    return said.flag is False or said.complaint is not None or _may_be_a_stream(said)


def _may_be_a_stream(said: _Said) -> bool:
    songs = any(artifact.key.rpartition(".")[2] == "audio_url" for artifact in said.artifacts)
    return songs and said.service in _STREAMING and not said.is_done


def _succeeded(said: _Said, *, error: UpstreamError | None) -> Outcome:
    partial = error is not None
    return Outcome(state=OutcomeState.SUCCEEDED, artifacts=said.artifacts, error=error, partial=partial)


def _failed(error: UpstreamError) -> Outcome:
    return Outcome(state=OutcomeState.FAILED, error=error)
