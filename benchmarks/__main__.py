"""`python -m benchmarks`: measure, print one table per database, leave nothing behind."""

import argparse
import asyncio
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.databases import POSTGRESQL, SQLITE
from benchmarks.loops import run
from benchmarks.measures import FULL, QUICK
from benchmarks.service import NotReady
from benchmarks.session import session


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="How fast the orchestrator is on this machine, beside a bare Starlette echo.",
    )
    parser.add_argument("--database", choices=[SQLITE, POSTGRESQL, "both"], default="both")
    parser.add_argument("--quick", action="store_true", help="smaller counts: under a minute, rougher figures")
    parser.add_argument(
        "--command",
        default=shlex.join([sys.executable, "-m", "orchestrator"]),
        help="the orchestrator to measure, to compare another build (default: the one beside this)",
    )
    return parser.parse_args()


async def _main(arguments: argparse.Namespace) -> int:
    _end_by(signal.SIGTERM)
    names = [SQLITE, POSTGRESQL] if arguments.database == "both" else [arguments.database]
    plan = QUICK if arguments.quick else FULL
    through = []
    # In the current directory, because many a temporary one is in memory, where fsync costs nothing.
    with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=Path.cwd()) as folder:
        for name in names:
            again = f"python -m benchmarks --database {name}" + (" --quick" if arguments.quick else "")
            through.append(await session(name, _command(arguments.command), plan, again, _made(Path(folder, name))))
    return 0 if all(through) else 1


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _command(line: str) -> list[str]:
    program, *words = shlex.split(line)
    return [str(Path(shutil.which(program) or program).absolute()), *words]  # it is started in another directory


def _end_by(number: signal.Signals) -> None:
    """Let a signal cancel the whole run, so that every child is stopped and every file removed on the way out."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(number, task.cancel)


if __name__ == "__main__":
    try:
        sys.exit(run(_main(_arguments())))
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("Interrupted.")
    except NotReady as error:
        sys.exit(str(error))
