"""How one operation of the platform answers: the vocabulary in which the table of operations is written.

In a template, a `Link` becomes the address of a media file, a `Measure` a length of the picture, an `Echo` a field of
the request, a `Fill` something the task knows; everything else stands for itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum, auto
from typing import TypeAlias


class Layout(StrEnum):
    """Where the result lies in the body."""

    FLAT = "flat"  # beside success and task_id
    LIST = "list"  # data: [{…}]
    OBJECT = "object"  # data: {…}
    OPENAI = "openai"  # created and data: [{…}], in callbacks mostly nested once more


@dataclass(frozen=True, slots=True)
class Link:
    """The address of a file of this kind; pictures are `scale` times the size asked for."""

    kind: str = "image"
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Measure:
    """The width or height of the picture asked for, in pixels, `scale` times."""

    side: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Echo:
    """A field of the request, or else a default."""

    name: str
    default: object = None


class Fill(Enum):
    PROMPT = auto()
    ID = auto()
    NUMBER = auto()
    PROGRESS = auto()
    CLOCK = auto()  # "2026-01-31 10:20:30", without a zone
    INSTANT = auto()  # ISO 8601
    EPOCH = auto()


Template: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One path of the platform.

    needs       fields without which a submit is refused
    kind        the `type` of its record in the tasks API
    count       how many results: a number, or the name of the field that says it
    traced      its bodies carry a trace_id
    flagged     its bodies carry `success`
    flag_kept   so does the response in its record
    ack         how it acknowledges a submit
    held        may be held until done; otherwise it is always asynchronous
    worded      its record carries a `status` beside the response
    elapsed     what its record calls the time that the task took
    preview     what an early progress callback shows, for services that have such
    """

    path: str
    layout: Layout
    template: Template
    needs: tuple[str, ...] = ()
    kind: str = "images"
    count: int | str = 1
    traced: bool = True
    flagged: bool = True
    flag_kept: bool = True
    ack: str = "plain"
    held: bool = True
    worded: bool = False
    elapsed: str = "elapsed"
    preview: Template | None = None

    @property
    def service(self) -> str:
        return self.path.partition("/")[0]


def instant(seconds: float) -> str:
    """Seconds since 1970 as the services write an instant that has a zone: ISO 8601 with milliseconds and a Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
