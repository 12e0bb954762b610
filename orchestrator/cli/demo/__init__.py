"""`orchestrator demo`: everything at once on this machine; only the provider is played."""

import asyncio
import shutil
import signal
import time
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer

from orchestrator.cli.demo.jobs import WISHES
from orchestrator.cli.demo.processes import tail
from orchestrator.cli.demo.show import Board, print_outcomes
from orchestrator.cli.demo.story import Report, play, stage
from orchestrator.cli.failures import Failure, complain, explain
from orchestrator.cli.running import Stop, run

LIMIT_SECONDS: Final = 55.0
INTERRUPTED: Final = 130
_OURS: Final = ("images", "service", "logs")
_MARK: Final = ".orchestrator-demo"


def command(
    *,
    folder: Annotated[Path, typer.Option(help="Where pictures, database and logs go; emptied first.")] = Path("demo"),
) -> None:
    """It starts a sandbox, the service and a consumer, submits nine jobs, and leaves pictures, and nothing running."""
    _prepare(folder)
    reports: list[Report] = []
    began = time.monotonic()

    async def main(_stop: Stop) -> None:
        reports.append(await _demonstrate(folder.absolute()))

    try:
        # A terminal that is closed must not leave anything running either.
        run(main, also=(signal.SIGHUP,))
    except Failure:
        _show_logs(folder)
        raise
    if not reports:
        complain("stopped; nothing is left running.")
        raise typer.Exit(INTERRUPTED)
    _conclude(reports[0], folder, time.monotonic() - began)


async def _demonstrate(folder: Path) -> Report:
    board = Board(WISHES)
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            with board:
                async with stage(folder, board) as everything:
                    return await play(everything, folder / "images")
    except TimeoutError as error:
        unfinished = ", ".join(board.unfinished())
        raise Failure(f"the demo was not over after {LIMIT_SECONDS:g} s; unfinished: {unfinished}.") from error
    except (ExceptionGroup, httpx.HTTPError) as error:
        raise Failure(f"the demo cannot go on: {explain(error)}") from error


def _conclude(report: Report, folder: Path, seconds: float) -> None:
    images = folder / "images"
    print_outcomes(report.outcomes, images)
    print(
        f"{report.verified} webhooks, one to a job's own callback_url, all verified with the standardwebhooks library."
    )
    print(f"{len(report.outcomes)} jobs made {report.submits} submits; a provider would have charged {report.charged}.")
    print(f"It took {seconds:.1f} s, and nothing is left running.")
    complaints = report.complaints()
    if complaints:
        _show_logs(folder)
        raise Failure("not as expected: " + "; ".join(complaints))


def _prepare(folder: Path) -> None:
    """Make the folder empty. One that no demo has made is left alone."""
    if folder.exists() and not (folder / _MARK).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} exists, and no demo made it; choose another --folder.")
    try:
        for name in _OURS:
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir(parents=True)
        (folder / _MARK).touch()
    except OSError as error:
        raise Failure(f"{folder} cannot be used: {error.strerror}.") from error


def _show_logs(folder: Path) -> None:
    for log in sorted((folder / "logs").glob("*.log")):
        complain(f"the end of {log}:\n{tail(log)}")
