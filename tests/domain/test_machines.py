"""The state machines as tables: nothing is unreachable, and nothing leaves an end that should be one."""

from enum import StrEnum
from types import ModuleType
from typing import Any

import pytest

from orchestrator.domain import delivery, event, job, task
from orchestrator.domain.transition import Transition

MACHINES: list[tuple[ModuleType, type[StrEnum], str]] = [
    (job, job.JobState, "queued"),
    (task, task.TaskState, "queued"),
    (delivery, delivery.DeliveryState, "pending"),
]
MOVES = [
    pytest.param(move, id=f"{module.__name__}.{move.name}") for module, *_ in MACHINES for move in module.TRANSITIONS
]


@pytest.mark.parametrize(("module", "states", "start"), MACHINES)
def test_every_state_can_be_reached(module: ModuleType, states: type[StrEnum], start: str) -> None:
    reached = {states(start)}
    for _ in states:
        reached |= {move.target for move in module.TRANSITIONS if move.sources & reached}

    assert reached == set(states)


@pytest.mark.parametrize(("module", "states", "start"), MACHINES)
def test_every_move_of_a_module_is_in_its_table(module: ModuleType, states: type[StrEnum], start: str) -> None:
    constants = {value for value in vars(module).values() if isinstance(value, Transition)}

    assert constants == set(module.TRANSITIONS)
    assert len({move.name for move in module.TRANSITIONS}) == len(module.TRANSITIONS)


@pytest.mark.parametrize("move", MOVES)
def test_a_move_begins_somewhere_and_stays_within_its_machine(move: Transition[Any]) -> None:
    assert move.sources
    assert {type(source) for source in move.sources} == {type(move.target)}


@pytest.mark.parametrize("state", sorted(job.FINAL))
def test_nothing_but_a_retry_leaves_a_jobs_final_state(state: job.JobState) -> None:
    leaving = {move.name for move in job.TRANSITIONS if state in move.sources}

    assert leaving == (set() if state is job.JobState.SUCCEEDED else {"retry"})


@pytest.mark.parametrize("state", sorted(set(task.TaskState) - task.OPEN))
def test_nothing_leaves_a_tasks_final_state_but_the_late_success_of_a_lost_one(state: task.TaskState) -> None:
    leaving = {move.name for move in task.TRANSITIONS if state in move.sources}

    assert leaving == ({"complete"} if state is task.TaskState.LOST else set())
    assert state.is_final


def test_a_delivery_that_has_ended_stays_as_it_is() -> None:
    assert {source for move in delivery.TRANSITIONS for source in move.sources} == {delivery.DeliveryState.PENDING}


def test_only_backing_off_leads_a_task_back_to_its_queue() -> None:
    """Every other way back would be a second submit of something that may have been started."""
    assert [move.name for move in task.TRANSITIONS if move.target is task.TaskState.QUEUED] == ["back_off"]


def test_a_task_that_was_accepted_is_never_taken_for_lost() -> None:
    assert task.LOSE.sources == {task.TaskState.UNKNOWN}


@pytest.mark.parametrize("state", sorted(job.JobState))
def test_consumers_are_told_of_final_states_and_of_no_others(state: job.JobState) -> None:
    assert (state in event.OF_STATE) == state.is_final


def test_a_result_that_is_known_is_not_expired() -> None:
    assert job.JobState.STORING not in job.EXPIRE.sources
