"""What holds for every module, whoever wrote it."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.checkout import ROOT, modules, name_of

OURS = modules("orchestrator", "migrations", "tests", "benchmarks")
PACKAGE = modules("orchestrator")
MAX_LINES = 300
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "core", "misc", "base_classes"}
# Put together here, so that this module does not contain what it looks for.
LEFT_OPEN = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "Not" + "Implemented" + "Error"]))
SKIPPED = re.compile(r"pytest\.mark\." + r"(skip|skipif|xfail)\b|pytest\.(skip|xfail)" + r"\(")
BARE_IGNORE = re.compile(r"# type:\s*" + r"ignore(?!\[)|#\s*noqa" + r"(?!:)")


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_a_module_opens_by_saying_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))

    assert docstring is not None
    assert len(docstring.split()) >= 4
    assert re.match(r"[A-Z`\d/]", docstring)
    assert re.search(r"[.:!?)]$", docstring.split("\n\n")[0])


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_a_module_is_short_enough_to_be_read(path: Path) -> None:
    lines = path.read_text().count("\n")

    assert lines <= MAX_LINES


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_nothing_is_called_by_a_name_that_says_nothing(path: Path) -> None:
    assert not VAGUE & set(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_a_module_leaves_nothing_open(path: Path) -> None:
    text = path.read_text()

    assert not LEFT_OPEN.findall(text)
    assert not SKIPPED.findall(text)
    assert not BARE_IGNORE.findall(text)


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_a_module_waits_for_a_signal_and_never_for_a_duration(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]

    assert not [call for call in calls if isinstance(call, ast.Attribute) and call.attr == "sleep"]


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_a_transition_is_named_in_the_domain_and_nowhere_else(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call, ast.Name) and call.id == "Transition"]

    assert not made or path.is_relative_to(ROOT / "orchestrator/domain")
