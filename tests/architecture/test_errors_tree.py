"""The trees that modules of errors draw are the trees that they hold."""

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from orchestrator.domain.errors import OrchestratorError
from tests.architecture.checkout import ROOT, modules, name_of

TREE: Final = re.compile(r"^ *OrchestratorError\n(?:.*\S.*(?:\n|\Z))+", re.MULTILINE)
BRANCH: Final = re.compile(r"[ │├└─]*(?P<names>[A-Z]\w+(?: ── [A-Z]\w+)*)(?:  .*)?")


def _drawing(path: Path) -> str | None:
    drawn = TREE.search(ast.get_docstring(ast.parse(path.read_text()), clean=True) or "")
    return None if drawn is None else drawn.group()


DRAWN: Final = [path for path in modules("orchestrator") if _drawing(path) is not None]


def _parents(drawing: str) -> dict[str, str]:
    """Who stands under whom: the nearest name above, or on the same line before, that stands further left."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in drawing.splitlines():
        branch = BRANCH.fullmatch(line)
        assert branch is not None, f"This is no branch of a tree: {line!r}"
        for found in re.finditer(r"\w+", branch["names"]):
            column = branch.start("names") + found.start()
            path = [(left, name) for left, name in path if left < column]
            if path:
                parents[found.group()] = path[-1][1]
            path.append((column, found.group()))
    return parents


def _module(path: Path) -> ModuleType:
    return importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def test_the_tree_of_the_domain_is_drawn() -> None:
    assert ROOT / "orchestrator/domain/errors.py" in DRAWN


@pytest.mark.parametrize("path", DRAWN, ids=name_of)
def test_every_error_of_the_module_is_in_the_drawing(path: Path) -> None:
    module = _module(path)
    held = {
        name
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, OrchestratorError) and kind.__module__ == module.__name__
    }
    drawing = _drawing(path)

    assert drawing is not None
    assert held <= {"OrchestratorError", *_parents(drawing)}


@pytest.mark.parametrize("path", DRAWN, ids=name_of)
def test_every_branch_of_the_drawing_is_a_subclass(path: Path) -> None:
    module, drawing = _module(path), _drawing(path)
    assert drawing is not None
    drawn = _parents(drawing)

    actual = {name: getattr(module, name).__bases__[0].__name__ for name in drawn}

    assert actual == drawn
