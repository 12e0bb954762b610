"""The settings and what is written about them agree."""

import re
from pathlib import Path

import pytest

from orchestrator.config import Settings
from tests.architecture.checkout import ROOT, documents, name_of
from tests.architecture.settings_page import page

PREFIX = "ORCHESTRATOR_"
# The second is for the commands that are clients of a running service.
KNOWN = {PREFIX + name.upper() for name in Settings.model_fields} | {PREFIX + "API_KEY"}
PLACES = [*documents(), ROOT / "docker-compose.yml", ROOT / "Dockerfile"]


def test_the_configuration_page_is_what_make_configuration_writes() -> None:
    written = (ROOT / "docs/configuration.md").read_text()

    assert written == page()


def test_every_setting_is_explained_in_sentences() -> None:
    sentences = {name: field.description or "" for name, field in Settings.model_fields.items()}

    assert [name for name, text in sentences.items() if not re.fullmatch(r"[A-Z`].*\.", text, re.DOTALL)] == []


@pytest.mark.parametrize("path", PLACES, ids=name_of)
def test_a_document_names_only_settings_that_exist(path: Path) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z][A-Z_]*[A-Z]", path.read_text()))

    assert named <= KNOWN
