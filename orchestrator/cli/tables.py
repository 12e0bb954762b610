"""Tables for people at a terminal; whoever reads by program has `--json`."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

COLORS: Final[Mapping[str, str]] = {
    "queued": "dim",
    "submitted": "cyan",
    "processing": "cyan",
    "storing": "blue",
    "succeeded": "green",
    "failed": "red",
    "canceled": "yellow",
    "expired": "yellow",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
}
_WIDE: Final = 200


def console() -> Console:
    """Standard output. In a pipe lines are not broken at 80 columns: nobody looks at them."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print rows under their headings; a word that is a state is shown in its color."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console().print(table if table.row_count else empty)


def show_fields(fields: Mapping[str, object]) -> None:
    """Print names and values, one a line; what is None is left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        if value is not None:
            table.add_row(name, _cell(value))
    console().print(table)


def colored(word: str) -> str:
    """A state as rich markup."""
    color = COLORS.get(word)
    return f"[{color}]{escape(word)}[/]" if color else escape(word)


def seconds_of(job: Mapping[str, Any]) -> str:
    """How long a job took, or nothing while it runs."""
    if job["finished_at"] is None:
        return ""
    began, ended = (datetime.fromisoformat(job[name]) for name in ("created_at", "finished_at"))
    return f"{(ended - began).total_seconds():.1f}"


def local(instant: str | None) -> str:
    """An instant of the API in this machine's own time, to the second."""
    return "" if instant is None else f"{datetime.fromisoformat(instant).astimezone():%Y-%m-%d %H:%M:%S}"


def size_of(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1024:.0f} KiB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MiB"


def _cell(value: object) -> str:
    return "" if value is None else colored(str(value))
