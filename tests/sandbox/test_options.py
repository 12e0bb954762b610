"""Options refuse what cannot be meant."""

import pytest

from orchestrator.sandbox.app import create_sandbox
from orchestrator.sandbox.behaviour import UnreadableBehaviour
from orchestrator.sandbox.options import SandboxOptions


def test_a_rate_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="failure_rate"):
        SandboxOptions(failure_rate=1.5)


def test_a_negative_delay_is_refused() -> None:
    with pytest.raises(ValueError, match="delay"):
        SandboxOptions(delay=-1)


def test_a_usual_behaviour_that_cannot_be_read_stops_the_start() -> None:
    with pytest.raises(UnreadableBehaviour, match="'slwo'"):
        create_sandbox(SandboxOptions(behaviour="slwo=1"))
