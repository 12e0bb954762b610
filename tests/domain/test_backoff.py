"""When to try again: bounds that hold for any numbers."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.backoff import WEBHOOK_SCHEDULE, exponential, jittered, scheduled

durations = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=1))
chances = st.floats(min_value=0, max_value=1, exclude_max=True)
tries = st.integers(min_value=0, max_value=10_000)


@given(durations, chances)
def test_jitter_lengthens_by_at_most_a_fifth(delay: timedelta, chance: float) -> None:
    assert delay <= jittered(delay, chance) <= delay * 1.2


@given(durations, durations, tries, chances)
def test_exponential_waits_stay_between_the_base_and_the_jittered_cap(
    base: timedelta, cap: timedelta, tries: int, chance: float
) -> None:
    wait = exponential(base, tries, cap=cap, chance=chance)

    assert min(base, cap) <= wait <= cap * 1.2


@given(durations, tries)
def test_exponential_waits_never_shrink(base: timedelta, tries: int) -> None:
    cap = timedelta(hours=1)

    assert exponential(base, tries, cap=cap, chance=0) <= exponential(base, tries + 1, cap=cap, chance=0)


def test_exponential_waits_double_after_the_first_try() -> None:
    waits = [exponential(timedelta(seconds=1), n, cap=timedelta(seconds=10), chance=0) for n in range(6)]

    assert [wait.total_seconds() for wait in waits] == [1, 1, 2, 4, 8, 10]


@given(tries, chances)
def test_a_schedule_ends_after_its_last_entry_and_never_comes_too_early(tries: int, chance: float) -> None:
    wait = scheduled(WEBHOOK_SCHEDULE, tries, chance)

    assert (wait is None) == (tries >= len(WEBHOOK_SCHEDULE))
    assert wait is None or wait >= WEBHOOK_SCHEDULE[tries]


def test_the_webhook_schedule_is_ten_tries_within_about_three_days() -> None:
    assert len(WEBHOOK_SCHEDULE) == 10
    assert WEBHOOK_SCHEDULE[:2] == (timedelta(0), timedelta(seconds=5))
    assert timedelta(days=3) < sum(WEBHOOK_SCHEDULE, timedelta(0)) < timedelta(days=3, hours=6)
