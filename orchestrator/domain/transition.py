"""A named move of a state machine.

The tables in `job.py`, `task.py` and `delivery.py` *are* the machines. Storage turns a transition into one guarded
`UPDATE … WHERE state IN (sources)`; no row back means that somebody was faster, which is a value and not an accident.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S]):
    """One arrow, or several with the same name and target."""

    name: str
    sources: frozenset[S]
    target: S
