"""A clock that moves only when it is told to."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Call it for the time; advance it to make things due."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, *, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
