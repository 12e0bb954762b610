"""What an upstream's reply amounts to, whichever way it came: callback, answer to a submit, record of a task.

An outcome is a value about one task. Only `SUCCEEDED` and `FAILED` end it. `RUNNING` is also what a reply amounts to
that cannot be trusted to be final: waiting costs time, a wrong ending costs a result that was paid for.
"""

from dataclasses import dataclass
from enum import StrEnum


class OutcomeState(StrEnum):
    """How far the upstream says that it is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN_TASK = "unknown_task"
    """The provider says that it does not know the task: a fact about its memory, not about the work."""


class AssetKind(StrEnum):
    """What a media file is for its consumer; what its bytes are is sniffed later."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One media file that a reply names: exactly one of `url` and `data` is set."""

    kind: AssetKind
    url: str | None = None
    """Absolute, http or https."""
    data: str | None = None
    """Base64 text without a `data:` prefix. Not decoded, so it may still turn out to be none."""
    revised_prompt: str | None = None
    """What the upstream made of the prompt, where it says so."""
    key: str
    """Where it stood in the reply, dotted: `data.0.url`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamError:
    """Why the upstream did not deliver, in its own words where it has any."""

    code: str
    """As the upstream spells it; `upstream_error` where it gives none."""
    message: str
    retryable: bool = False
    """Whether the same request may succeed at another time. It does not say that nothing was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one reply says about one task.

    Failed outcomes have an error. Only succeeded outcomes have artifacts; one that produced text or ids, such as
    lyrics, has none.
    """

    state: OutcomeState
    artifacts: tuple[Artifact, ...] = ()
    """In the upstream's order."""
    error: UpstreamError | None = None
    """Also set beside a partial success: why the rest is missing."""
    progress: int | None = None
    """Percent, 0 to 100, where the upstream gives one."""
    partial: bool = False
    """Some of several results are here, the others failed."""
    task_id: str | None = None
    """The upstream's id of the task."""
    trace_id: str | None = None
    created: int | None = None
    """The upstream's own `created`, in Unix seconds; some services always say 0."""

    @property
    def is_final(self) -> bool:
        """Nothing that the upstream says later can change a final outcome."""
        return self.state in (OutcomeState.SUCCEEDED, OutcomeState.FAILED)
