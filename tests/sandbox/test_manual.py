"""The manual is complete: whoever adds a behaviour or an option is made to explain it."""

from dataclasses import fields
from pathlib import Path

import pytest

from orchestrator.sandbox.behaviour import ALIASES, READERS
from orchestrator.sandbox.operations import SERVICES
from orchestrator.sandbox.options import SandboxOptions
from orchestrator.sandbox.refusals import REFUSALS, Form

MANUAL = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [*READERS, *ALIASES])
def test_every_behaviour_is_explained(key: str) -> None:
    assert f"`{key}" in MANUAL


@pytest.mark.parametrize("name", [field.name for field in fields(SandboxOptions)])
def test_every_option_is_explained_as_a_flag(name: str) -> None:
    assert f"`--{name.replace('_', '-')}" in MANUAL


@pytest.mark.parametrize("word", sorted({*REFUSALS, *Form, *SERVICES}))
def test_every_refusal_form_and_service_is_named(word: str) -> None:
    assert f"`{word}`" in MANUAL
