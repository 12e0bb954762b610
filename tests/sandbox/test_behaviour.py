"""Behaviours: what a header or a prompt asks for becomes a value, or is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.sandbox.behaviour import PLAIN, Behaviour, UnreadableBehaviour, parse, split_prompt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", PLAIN),
        ("delay=0.5; fail=forbidden", Behaviour(delay=0.5, fail="forbidden")),
        ("  duplicates=2   lost=1 ", Behaviour(duplicates=2, lost=True)),
        ("lost", Behaviour(lost=True)),
        ("lost=no;early=true", Behaviour(early=True)),
        ("refuse=x402;refuse_times=3", Behaviour(refuse="x402", times=3)),
        ("shuffle", Behaviour(out_of_order=True)),
        ("truncate", Behaviour(truncate="loud")),
        ("truncate=quiet", Behaviour(truncate="quiet")),
        ("redirect_to=http://files.example.com/a?b=c", Behaviour(redirect_to="http://files.example.com/a?b=c")),
    ],
)
def test_a_text_is_read_as_pairs(text: str, expected: Behaviour) -> None:
    assert parse(text) == expected


def test_what_is_read_lies_over_what_was_there() -> None:
    usual = Behaviour(delay=3.0, lost=True)

    behaviour = parse("delay=1", usual)

    assert behaviour == Behaviour(delay=1.0, lost=True)


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(UnreadableBehaviour, match="'dealy'"):
        parse("dealy=1")


@pytest.mark.parametrize(
    "text",
    [
        "delay=soon",
        "delay=-1",
        "delay=nan",
        "delay=inf",
        "duplicates=1.5",
        "lost=perhaps",
        "drop=during",
        "refuse=later",
        "fail=",
    ],
)
def test_an_impossible_value_is_named(text: str) -> None:
    with pytest.raises(UnreadableBehaviour, match=text):
        parse(text)


@given(st.text())
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        behaviour = parse(text)
    except UnreadableBehaviour:
        return

    assert isinstance(behaviour, Behaviour)


@pytest.mark.parametrize(
    ("prompt", "text", "told"),
    [
        ("a cat", "a cat", ""),
        ("a cat [sandbox delay=1 lost=1]", "a cat", " delay=1 lost=1"),
        ("[sandbox lost] a [sandbox early] cat", "a cat", " lost  early"),
        ("a [sandboxed] cat", "a [sandboxed] cat", ""),
    ],
)
def test_tags_are_taken_out_of_the_prompt(prompt: str, text: str, told: str) -> None:
    assert split_prompt(prompt) == (text, told)
