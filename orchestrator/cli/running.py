"""Running in the foreground: an event loop, the two signals that end it, and an exit code that means something.

The first SIGINT or SIGTERM asks for a good end; a second one, or one that comes before everything has started, does
not wait for it.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import uvloop

from orchestrator.cli.failures import Failure

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Stop:
    """Whether the process was asked to end, and whether it is far enough for a good end to be worth waiting for."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    is_started: bool = False


def run(main: Callable[[Stop], Awaitable[None]], *, also: Iterable[signal.Signals] = ()) -> None:
    """Run `main` until it returns; `also` are further signals that ask for the end.

    Asked to end before it has started, it is canceled, and that is no failure.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_signaled(main, (*SIGNALS, *also)))


async def _until_signaled(main: Callable[[Stop], Awaitable[None]], signals: Iterable[signal.Signals]) -> None:
    stop, task, loop = Stop(), asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None

    def on_signal() -> None:
        if stop.asked.is_set() or not stop.is_started:
            task.cancel()
        stop.asked.set()

    for number in signals:
        loop.add_signal_handler(number, on_signal)
    try:
        await main(stop)
    except asyncio.CancelledError:
        if stop.is_started:
            raise Failure("stopped at once, as asked twice; what was in hand comes due again.") from None
