"""What can be asked for: the asynchronous operations of the platform, with how long each may take.

The times are how long a callback may be awaited before the provider is asked (images 35 min, music 30 min, video 1 h,
digital human and maestro 3 h, seedance 48 h); a job's own deadline, unless it names one, is a little later, so that
there is a last chance to ask. They follow the server-side limits that the platform has published.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from orchestrator.domain.job import service_of

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One asynchronous path at a provider."""

    name: str
    overdue_after: timedelta
    """How long after the submit a missing callback is overdue."""

    @property
    def service(self) -> str:
        """The family of paths, which is also where `/tasks` lives."""
        return service_of(self.name)

    @property
    def deadline(self) -> timedelta:
        """How long after its acceptance a job expires, unless it says otherwise."""
        return self.overdue_after + max(10 * _MINUTE, self.overdue_after / 4)


_IMAGES: Final = 35 * _MINUTE
_MUSIC: Final = 30 * _MINUTE
_VIDEO: Final = _HOUR

_OVERDUE: Final = {
    "openai/images/generations": _IMAGES,
    "openai/images/edits": _IMAGES,
    "nano-banana/images": _IMAGES,
}

OPERATIONS: Final = {name: Operation(name=name, overdue_after=after) for name, after in _OVERDUE.items()}
