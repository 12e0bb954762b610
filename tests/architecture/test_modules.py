"""What holds for every module, whoever wrote it. A rule that is broken names the modules that break it."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.architecture.checkout import ROOT, modules, name_of

MAX_LINES: Final = 300
VAGUE: Final = {"utils", "util", "helpers", "helper", "common", "manager", "core", "misc"}
# Put together here, so that this module does not contain what it looks for.
LEFT_OPEN: Final = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "Not" + "Implemented" + "Error"]))
SKIPPED: Final = re.compile(r"pytest\.(?:mark\.)?" + r"(?:skip|skipif|xfail)\b")
UNNAMED_IGNORE: Final = re.compile(r"# type:\s*" + r"ignore(?!\[)|#\s*noqa" + r"(?!:)")


@dataclass(frozen=True, slots=True)
class Module:
    """One module, read and parsed."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def is_of_package(self) -> bool:
        return self.path.is_relative_to(ROOT / "orchestrator")

    def calls(self) -> Iterator[ast.expr]:
        """What is called in it."""
        yield from (node.func for node in ast.walk(self.tree) if isinstance(node, ast.Call))


def _read(path: Path) -> Module:
    text = path.read_text()
    return Module(path, text, ast.parse(text))


MODULES: Final = [_read(path) for path in modules("orchestrator", "migrations", "tests", "benchmarks")]


def _guilty(breaks: Callable[[Module], object]) -> list[str]:
    return [name_of(module.path) for module in MODULES if breaks(module)]


def test_every_module_opens_by_saying_what_it_is_for() -> None:
    def is_mute(module: Module) -> bool:
        opening = (ast.get_docstring(module.tree) or "").split("\n\n")[0]
        return len(opening.split()) < 3 or not re.fullmatch(r"[A-Z`\d/].*[.:!?)]", opening, re.DOTALL)

    assert _guilty(is_mute) == []


def test_every_module_of_the_package_is_short_enough_to_be_read() -> None:
    assert _guilty(lambda module: module.is_of_package and module.text.count("\n") > MAX_LINES) == []


def test_nothing_is_called_by_a_name_that_says_nothing() -> None:
    assert _guilty(lambda module: VAGUE & set(module.path.relative_to(ROOT).with_suffix("").parts)) == []


def test_nothing_is_left_open_skipped_or_silenced_as_a_whole() -> None:
    assert _guilty(lambda module: LEFT_OPEN.search(module.text)) == []
    assert _guilty(lambda module: SKIPPED.search(module.text)) == []
    assert _guilty(lambda module: UNNAMED_IGNORE.search(module.text)) == []


def test_everybody_waits_for_a_signal_and_never_for_a_duration() -> None:
    def sleeps(module: Module) -> bool:
        return any(isinstance(call, ast.Attribute) and call.attr == "sleep" for call in module.calls())

    assert _guilty(sleeps) == []


def test_transitions_are_named_in_the_domain_and_nowhere_else() -> None:
    def names_one(module: Module) -> bool:
        made = any(isinstance(call, ast.Name) and call.id == "Transition" for call in module.calls())
        return made and module.is_of_package and not module.path.is_relative_to(ROOT / "orchestrator/domain")

    assert _guilty(names_one) == []
