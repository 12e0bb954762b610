"""`orchestrator work`: the workers alone, beside other processes that serve the same database."""

import logging
from contextlib import AsyncExitStack

from orchestrator.app import running
from orchestrator.cli.reading import read_settings, using_database
from orchestrator.cli.running import Stop, run
from orchestrator.config import Settings
from orchestrator.observability import configure_logging

logger = logging.getLogger(__name__)


def command() -> None:
    """They take what is due in the database: retries, delays, and the work of processes that died."""
    settings = read_settings()
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    run(lambda stop: _work(settings, stop))


async def _work(settings: Settings, stop: Stop) -> None:
    async with AsyncExitStack() as stack:
        with using_database(settings.database_url):
            await stack.enter_async_context(running(settings))
        stop.is_started = True
        logger.info("work.ready")
        await stop.asked.wait()
        logger.info("work.stopping")
