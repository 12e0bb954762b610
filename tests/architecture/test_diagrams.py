"""The state diagrams that people read are the transitions that the code obeys."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import pytest

from orchestrator.domain import callback, delivery, job, task
from orchestrator.domain.transition import Transition
from tests.architecture.checkout import ROOT, blocks

PAGE: Final = ROOT / "docs/lifecycle.md"
BOX: Final = re.compile(r"^ *state (\w+) \{\n(.*?)\n *\}", re.MULTILINE | re.DOTALL)
ARROW: Final = re.compile(r"(\S+) --> ([^\s:]+)(?:: (\w+))?")
OUTSIDE: Final = "[*]"

MACHINES: Final = [
    pytest.param(0, job.JobState, job.TRANSITIONS, {job.JobState.SUCCEEDED}, id="job"),
    pytest.param(1, task.TaskState, task.TRANSITIONS, {task.TaskState.SUCCEEDED, task.TaskState.FAILED}, id="task"),
    pytest.param(
        2, delivery.DeliveryState, delivery.TRANSITIONS, set(delivery.DeliveryState) - {"pending"}, id="delivery"
    ),
]


def _drawn(diagram: str) -> set[tuple[str, str, str]]:
    """Every arrow as (from, to, name); one that leaves a box leaves each state in it."""
    boxes = {name: inside.split() for name, inside in BOX.findall(diagram)}
    return {(source, target, name) for box, target, name in ARROW.findall(diagram) for source in boxes.get(box, [box])}


@pytest.mark.parametrize(("place", "states", "transitions", "ends"), MACHINES)
def test_a_diagram_shows_the_transitions_and_nothing_else(
    place: int, states: type[StrEnum], transitions: Sequence[Transition[Any]], ends: set[str]
) -> None:
    drawn = _drawn(blocks(PAGE, "mermaid")[place])
    inside = {arrow for arrow in drawn if OUTSIDE not in arrow}

    assert inside == {(str(source), str(move.target), move.name) for move in transitions for source in move.sources}
    assert {target for source, target, _ in drawn if source == OUTSIDE} == {next(iter(states))}
    assert {source for source, target, _ in drawn if target == OUTSIDE} == {str(state) for state in ends}


@pytest.mark.parametrize(("_place", "_states", "transitions", "ends"), MACHINES)
def test_a_state_that_is_drawn_as_an_end_is_left_by_nothing(
    _place: int, _states: type[StrEnum], transitions: Sequence[Transition[Any]], ends: set[str]
) -> None:
    assert not [move.name for move in transitions if move.sources & ends]


@pytest.mark.parametrize(
    "states",
    [job.JobState, task.TaskState, delivery.DeliveryState, callback.InboxState],
    ids=lambda kind: kind.__name__,
)
def test_every_state_is_explained(states: type[StrEnum]) -> None:
    page = PAGE.read_text()

    assert [state for state in states if not re.search(rf"^\| [^|]*`{state}`[^|]*\|", page, re.MULTILINE)] == []
