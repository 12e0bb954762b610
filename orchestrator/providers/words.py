"""The state words of all services, put into four phases.

No two services agree on a word: `succeed` (kling, digital-human), `succeeded` (veo, suno), `completed` (luma),
`complete` (suno vox), `done` (dreamina). Most image services use none at all.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from orchestrator.providers.shape import JsonObject


class Phase(StrEnum):
    """What a state word says; `UNSURE` is a word that is not in the lists."""

    FAILED = "failed"
    RUNNING = "running"
    UNSURE = "unsure"
    DONE = "done"


_WORDS: Final = {
    Phase.FAILED: "failed failure fail error cancelled canceled rejected dead expired aborted timeout timed_out",
    Phase.RUNNING: (
        "pending processing queued queueing running planning producing submitted in_progress in_queue waiting "
        "starting started generating streaming created accepted not_start retrying"
    ),
    Phase.DONE: "succeed succeeded success completed complete finished done ok",
}
_PHASES: Final = {word: phase for phase, words in _WORDS.items() for word in words.split()}
_WORST_FIRST: Final = (Phase.FAILED, Phase.RUNNING, Phase.UNSURE, Phase.DONE)


def phase(node: JsonObject) -> Phase | None:
    """What `state` and `status` of this very object say; where they differ, the worse one. Numbers say nothing."""
    if "state" not in node and "status" not in node:
        return None
    said = {_phase_of(word) for name in ("state", "status") if isinstance(word := node.get(name), str)}
    return next((each for each in _WORST_FIRST if each in said), None)


def is_done(word: str) -> bool:
    """Whether the word is one for success."""
    return _phase_of(word) is Phase.DONE


def phases(nodes: Iterable[JsonObject]) -> frozenset[Phase]:
    """What any of these objects say."""
    return frozenset(said for node in nodes if (said := phase(node)) is not None)


def _phase_of(word: str) -> Phase | None:
    plain = word[:40].strip().lower().replace("-", "_").replace(" ", "_")
    if not plain or plain.isdigit():
        return None
    return _PHASES.get(plain, Phase.UNSURE)
