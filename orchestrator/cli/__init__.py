"""The command line: each command is parse, one call, print.

Only the module of the command that was asked for is imported; the others are a name and a sentence in the help. The
whole service takes most of a second to import, which `orchestrator jobs` should not wait for, nor `serve` for the
demo's libraries.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

from orchestrator import __version__
from orchestrator.cli.failures import complain, explain
from orchestrator.domain.errors import OrchestratorError

INTERRUPTED: Final = 130
"""What shells make of a process that Ctrl-C has ended."""

COMMANDS: Final = {
    "demo": "See all of it work on this machine, in under a minute.",
    "serve": "Run the service: API, callbacks and workers.",
    "work": "Run the workers alone, without HTTP.",
    "sandbox": "Run an upstream to develop against.",
    "submit": "Submit a job to a running service.",
    "jobs": "List, show, cancel and retry jobs.",
    "endpoints": "List, add, rotate and delete webhook endpoints.",
    "db": "Bring the database up to date, or check that it is.",
    "doctor": "Check the settings and everything that they name.",
}
"""Each is a module of this package that has `command`: a function, or a Typer of subcommands."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, by default this process's own, and exit.

    0 is success, 1 a failure that was explained on standard error, 2 a command line that makes no sense, 130 Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        build(given)(given, prog_name="orchestrator")
    except OrchestratorError as error:
        complain(explain(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application for this command line: the one command that it names is real, the others are for the help."""
    app = typer.Typer(
        help="A self-hosted orchestrator for callback-style media APIs.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global_options)
    asked_for = next((word for word in arguments if not word.startswith("-")), None)
    for name, sentence in COMMANDS.items():
        _add(app, name, sentence, _load(name) if name == asked_for else _unloaded)
    return app


def _load(name: str) -> typer.Typer | Callable[..., None]:
    # Nothing that an import makes is garbage, and looking for some took a tenth of the time of a start.
    gc.disable()
    try:
        command: typer.Typer | Callable[..., None] = import_module(f"{__name__}.{name}").command
    finally:
        gc.enable()
    return command


def _add(app: typer.Typer, name: str, sentence: str, command: typer.Typer | Callable[..., None]) -> None:
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name, help=sentence, no_args_is_help=True)
    else:
        app.command(name, help=f"{sentence}\n\n{command.__doc__ or ''}", short_help=sentence)(command)


def _unloaded() -> None:
    """Stand in for a command that this command line does not name."""


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(__version__)
        raise typer.Exit


def _global_options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Hold the options that stand before a command."""
