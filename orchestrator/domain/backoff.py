"""When to try again. Pure arithmetic: randomness comes in as a number in [0, 1)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

# The sample schedule of the Standard Webhooks specification: ten tries within about 75 hours.
WEBHOOK_SCHEDULE: Final = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)


def jittered(delay: timedelta, chance: float, *, spread: float = 0.2) -> timedelta:
    """`delay` lengthened by up to `spread` of itself, so that a crowd that failed together does not return together."""
    return delay * (1 + spread * chance)


def scheduled(schedule: Sequence[timedelta], tries: int, chance: float) -> timedelta | None:
    """The wait after `tries` recorded tries, or None when no try is left."""
    if tries >= len(schedule):
        return None
    return jittered(schedule[tries], chance)


def exponential(base: timedelta, tries: int, *, cap: timedelta, chance: float) -> timedelta:
    """`base` doubled with each try after the first, at most `cap`, jittered."""
    doubled = base * (1 << min(max(tries - 1, 0), 20))
    return jittered(min(doubled, cap), chance)
