"""The words in which a route is described for the OpenAPI document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `where` is `path`, `query` or `header`."""

    name: str
    where: str
    schema: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One successful answer: a struct, or another media type, or nothing but the status."""

    text: str
    kind: type[Any] | None = None
    media: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    id: str
    tag: str
    summary: str
    answers: Mapping[int, Answer]
    problems: Sequence[int] = ()
    parameters: Sequence[Parameter] = ()
    body: type[Any] | None = None
    takes_form: bool = False
    is_open: bool = False
    """Needs no key."""
