"""`orchestrator serve`: the service in the foreground."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orchestrator.app import create_app
from orchestrator.cli.listening import bind, port_of, serve_until
from orchestrator.cli.reading import read_settings, using_database
from orchestrator.cli.running import run
from orchestrator.observability import configure_logging


def _release(state: Mapping[str, Any]) -> None:
    """Answer those who wait for a job with what there is."""
    state["services"].watch.stop()


def command(
    *,
    host: Annotated[str | None, typer.Option(help="Listen on this address instead of ORCHESTRATOR_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Listen on this port instead of ORCHESTRATOR_PORT.")] = None,
    workers: Annotated[bool, typer.Option(help="Run the workers in this process too.")] = True,
) -> None:
    """Settings are environment variables; `orchestrator doctor` lists them. SIGTERM ends it within 15 seconds."""
    settings = read_settings(host=host, port=port)
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    # The port comes first, so that a second service notices at once and touches nothing.
    with bind(settings.host, settings.port) as listener:
        # Port 0 is any that is free: links and callbacks have to name the one that it became.
        settings = read_settings(host=host, port=port_of(listener))
        app = create_app(settings, with_workers=workers)
        opening = using_database(settings.database_url)
        run(lambda stop: serve_until(stop, app, listener, name="serve", starting=opening, stopping=_release))
