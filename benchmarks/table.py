"""The figures as a Markdown table that can also be read as it stands, and the facts that are needed to repeat it."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version

from benchmarks.databases import Database
from benchmarks.figures import Figure
from benchmarks.load import CONNECTIONS

_HEAD = ("figure", "value", "of echo", "target", "", "what was measured")
_RIGHT = (1, 2)  # columns of numbers


def render(figures: Sequence[Figure]) -> str:
    """The table; ratios are to the first figure that has a rate, which is the echo's."""
    echo = next(each.per_second for each in figures if each.per_second)
    rows = [_HEAD, *(_cells(each, echo) for each in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[-1] = 0  # nothing stands to the right of the last column
    lines = [_line(row, widths) for row in rows]
    rule = [f"{'-' * (width - 1)}:" if at in _RIGHT else "-" * max(width, 3) for at, width in enumerate(widths)]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])


def circumstances(database: Database, command: str) -> str:
    """Where this was measured and how to measure it again."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("starlette", "uvicorn", "uvloop", "sqlalchemy"))
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, {platform.machine()}"
    load = f"{CONNECTIONS} kept-alive connections; driver, upstream, consumer and database on the same cores"
    runtime = f"Python {platform.python_version()}, {database.version}, {libraries}"
    return f"{machine}; {runtime}.\n{load}. Again: `{command}`"


def _cells(figure: Figure, echo: float) -> tuple[str, ...]:
    ratio = "" if figure.per_second is None else f"{figure.per_second / echo:.3f}"
    verdict = "" if not figure.target else "met" if figure.met else "MISSED"
    return (figure.name, figure.value, ratio, figure.target, verdict, figure.measured)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if at in _RIGHT else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(padded) + " |"
