"""What the documents point at is there: files, headings, commands, targets, routes, codes, metrics."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml  # type: ignore[import-untyped]
from starlette.routing import Match, Route

from orchestrator.app import edges
from orchestrator.cli import COMMANDS, build
from orchestrator.domain.errors import OrchestratorError
from orchestrator.web.problems import STATUS
from tests.architecture.checkout import ROOT, documents, modules, name_of

DOCUMENTS: Final = documents()
LINK: Final = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
# A command line of its own, perhaps after settings; or one within a sentence.
COMMAND: Final = re.compile(
    r"^ *(?:\w+=\S+ )*(?:\.venv/bin/)?orchestrator ([a-z][^#&\n]*)|`orchestrator ((?:-|[a-z])[^`]*)`", re.MULTILINE
)
TARGET: Final = re.compile(r"(?:^ *|`)make ((?:[a-z]+ ?)+)(?=[`A-Z#\n]| {2})", re.MULTILINE)
ROUTE: Final = re.compile(
    r"(?:(GET|POST|PATCH|DELETE) |127\.0\.0\.1:8080)(/(?:v1|healthz|readyz|metrics|openapi)[\w/{}.$-]*)"
)
METRIC: Final = re.compile(r"\borchestrator_[a-z_]+\b(?!/|\.py)")


def test_the_front_page_and_the_pages_it_needs_are_there() -> None:
    names = {name_of(path) for path in DOCUMENTS}

    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/architecture.md"} <= names


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_a_relative_link_leads_somewhere(path: Path) -> None:
    for place, heading in LINK.findall(path.read_text()):
        target = (path.parent / place) if place else path
        assert target.exists(), f"{place} is not there"
        if heading:
            assert heading in _anchors(target), f"{place}#{heading} is no heading"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_a_command_in_a_document_exists_with_its_options(path: Path) -> None:
    for own_line, in_sentence in COMMAND.findall(path.read_text()):
        _check_command(shlex.split(own_line or in_sentence))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_a_make_target_in_a_document_exists_and_is_explained(path: Path) -> None:
    explained = set(re.findall(r"^([a-z]+):.*## [A-Z]", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for line in TARGET.findall(path.read_text()) for target in line.split()}

    assert named <= explained


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_a_route_in_a_document_is_served(path: Path) -> None:
    for method, place in ROUTE.findall(path.read_text()):
        assert _is_served(method, place), f"{method} {place} is not served"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_a_metric_in_a_document_is_counted(path: Path) -> None:
    sources = "".join(module.read_text() for module in modules("orchestrator"))
    counted = {name.removesuffix("_total") for name in re.findall(r'"(orchestrator_[a-z_]+)"', sources)}

    assert {name.removesuffix("_total") for name in METRIC.findall(path.read_text())} <= counted


def test_the_page_of_the_api_lists_every_code_with_its_status() -> None:
    listed = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", (ROOT / "docs/api.md").read_text(), re.MULTILINE)

    assert sorted(listed) == sorted({*_codes(), ("500", "internal_error")})


def test_the_compose_file_starts_commands_that_exist() -> None:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = composed["services"]

    assert {"database", "migrate", "serve"} <= set(services)
    for service in services.values():
        if "command" in service:
            _check_command(service["command"])
        assert set(service.get("depends_on", {})) <= set(services)
        assert {each.partition(":")[0] for each in service.get("volumes", [])} <= set(composed["volumes"])


def _anchors(document: Path) -> set[str]:
    """The headings of a document as its renderers name them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _check_command(words: list[str]) -> None:
    """Walk down from the program to the command that is meant; its options must be options of it."""
    command: Any = typer.main.get_command(build(words))
    assert words[0].startswith("-") or words[0] in COMMANDS, f"orchestrator {words[0]} does not exist"
    for word in words:
        if hasattr(command, "commands") and not word.startswith("-"):
            assert word in command.commands, f"orchestrator {' '.join(words)}: there is no {word}"
            command = command.commands[word]
        elif word.startswith("-") and not word.strip("-").isdigit():
            assert word.partition("=")[0] in {"-h", "--help", *_options(command)}, f"{word} is no option"


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)


def _is_served(method: str, place: str) -> bool:
    # What stands for an id in a document (`{id}`, `$JOB`) stands for one here.
    path = re.sub(r"\{\w+\}|\$\w+", "0" * 8, place).rstrip(".")
    scope = {"type": "http", "path": path, "method": method or "GET"}
    found = [route.matches(scope)[0] for route in edges().routes if isinstance(route, Route)]
    return Match.FULL in found or (not method and Match.PARTIAL in found)


def _codes() -> set[tuple[str, str]]:
    errors = [import_module(f"orchestrator.{layer}.errors") for layer in ("domain", "web")]
    kinds = [kind for module in errors for kind in vars(module).values() if isinstance(kind, type)]
    return {
        (str(int(STATUS[base])), kind.code)
        for kind in kinds
        if issubclass(kind, OrchestratorError)
        for base in kind.__mro__
        if base in STATUS
    }
