"""Logging: one line an event, lower-case words first, then ids; for people or as JSON.

The package logs with the standard library and %-arguments. structlog renders, so that `LOG_FORMAT=json` gives every
line of every library in one shape.
"""

import logging
import sys
from typing import Any

import structlog


def configure_logging(*, log_format: str, level: str) -> None:
    """Send all logs to standard error, once for the process."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The other formatters print local variables, and with them secrets.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([structlog.processors.format_exc_info] if log_format == "json" else []),
            renderer,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic.runtime.migration", "httpx", "httpcore", "aiosqlite", "uvicorn.access", "asyncio", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It warns of every form that is not one, which is for the client to hear and not for the operator.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
