"""What the demo prints: one line a job that changes in place, or, where nobody can see that, a line for each change."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from orchestrator.cli.demo.jobs import Outcome, Wish
from orchestrator.cli.tables import colored, console, seconds_of, size_of

HEADINGS: Final = ("JOB", "SHOWS", "STATE", "SECONDS", "FILE", "SIZE", "BY")
"""With the demo's own names, the table is just under 80 columns wide."""


@dataclass(slots=True)
class Line:
    """One job on the board."""

    wish: Wish
    state: str = ""
    is_done: bool = False
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))


class Board:
    """The jobs and their states, while they change."""

    def __init__(self, wishes: Sequence[Wish]) -> None:
        self._out = console()
        self._lines = {wish.number: Line(wish) for wish in wishes}
        self._began = time.monotonic()
        self._live = Live(get_renderable=self._draw, console=self._out, refresh_per_second=10, transient=True)

    def __enter__(self) -> "Board":
        if self._out.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """A sentence above the jobs."""
        self._out.print(text)

    def move(self, wish: Wish, state: str, *, is_done: bool = False) -> None:
        """A job is in this state now, which may be the one that it was in."""
        line = self._lines[wish.number]
        is_news = state != line.state
        line.state, line.is_done = state, is_done
        if is_news and not self._out.is_terminal:
            self._out.print(f"{time.monotonic() - self._began:5.1f} s  {wish.title}: {colored(state)}")

    def unfinished(self) -> list[str]:
        """The jobs that are not done, each with its state."""
        return [
            f"{line.wish.title} ({line.state or 'not submitted'})" for line in self._lines.values() if not line.is_done
        ]

    def _draw(self) -> RenderableType:
        table = Table(box=None, show_header=False, pad_edge=False)
        for line in self._lines.values():
            mark: RenderableType = "[green]✓[/]" if line.is_done else line.spinner if line.state else " "
            table.add_row(mark, escape(line.wish.title), f"[dim]{escape(line.wish.shows)}[/]", colored(line.state))
        return Group("", table, f"\n[dim]{time.monotonic() - self._began:.0f} s[/]")


def print_outcomes(outcomes: Sequence[Outcome], folder: Path) -> None:
    """What came of each job, and where its pictures are."""
    table = Table(*HEADINGS, box=None, padding=(0, 1), collapse_padding=True, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
        column.justify = "right" if column.header in {"SECONDS", "SIZE"} else "left"
    for outcome in sorted(outcomes, key=lambda each: each.wish.number):
        _add_rows(table, outcome)
    out = console()
    out.print()
    out.print(table)
    out.print(f"\nThe pictures are in [bold]{escape(str(folder))}[/].", soft_wrap=True)


def _add_rows(table: Table, outcome: Outcome) -> None:
    job, by = outcome.job, outcome.recovered_by
    head = (
        str(outcome.wish.number),
        escape(outcome.wish.shows),
        colored(job["status"]),
        seconds_of(job),
    )
    way = "asking" if by else "callback"
    if not outcome.files:
        error = job["error"] or {}
        table.add_row(*head, f"[red]{escape(str(error.get('code', '')))}[/]", "", way)
    for index, file in enumerate(outcome.files):
        row = head if index == 0 else ("", "", "", "")
        table.add_row(*row, escape(file.name), size_of(file.stat().st_size), way if index == 0 else "")
