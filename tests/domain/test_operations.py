"""The operations' own times, and what a service is."""

from datetime import timedelta

import pytest

from orchestrator.domain.job import service_of
from orchestrator.domain.operations import OPERATIONS, Operation


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_job_expires_only_after_there_was_time_to_ask_for_its_result(name: str) -> None:
    operation = OPERATIONS[name]

    assert operation.name == name
    assert operation.deadline - operation.overdue_after >= timedelta(minutes=10)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_is_a_path_below_its_service(name: str) -> None:
    assert OPERATIONS[name].service == service_of(name)
    assert name.startswith(f"{OPERATIONS[name].service}/")


def test_images_are_overdue_after_thirty_five_minutes_and_expire_ten_later() -> None:
    images = OPERATIONS["openai/images/generations"]

    assert (images.overdue_after, images.deadline) == (timedelta(minutes=35), timedelta(minutes=45))


def test_what_takes_long_has_a_quarter_of_it_to_spare() -> None:
    seedance = Operation(name="seedance/videos", overdue_after=timedelta(hours=48))

    assert seedance.deadline == timedelta(hours=60)
