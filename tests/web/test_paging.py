"""Cursors, and what counts as an id."""

import base64
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from orchestrator.domain.errors import Rejected
from orchestrator.web.paging import PARAMETERS, Paging, cut, read_paging
from orchestrator.web.queries import Query, as_id


@dataclass(frozen=True)
class Row:
    """Something with an id."""

    id: str


ROWS = [Row(f"019b2f6e-0000-7000-8000-00000000000{number}") for number in range(4)]


def query(text: str) -> Query:
    scope = {"type": "http", "query_string": text.encode(), "headers": []}
    return Query(Request(scope), known=PARAMETERS)


def test_a_cursor_leads_to_what_comes_after_the_page() -> None:
    page = cut(ROWS, Paging(limit=3, before=None))

    assert page.rows == ROWS[:3]
    assert read_paging(query(f"cursor={page.next_cursor}")).before == ROWS[2].id


def test_the_last_page_has_no_cursor() -> None:
    assert cut(ROWS, Paging(limit=4, before=None)).next_cursor is None
    assert cut([], Paging(limit=4, before=None)).next_cursor is None


@given(st.text())
def test_any_text_is_a_cursor_of_ours_or_refused(text: str) -> None:
    scope = {"type": "http", "query_string": b"", "headers": []}
    asked = Query(Request(scope), known=PARAMETERS)
    asked._given = {"cursor": text}  # type: ignore[assignment]

    with suppress(Rejected):
        before = read_paging(asked).before
        assert before is None or as_id(before) == before


@pytest.mark.parametrize("last", ["", "1", "019b2f6e-0000-7000-8000", "x" * 36])
def test_a_cursor_that_holds_no_id_is_refused(last: str) -> None:
    wrapped = base64.urlsafe_b64encode(last.encode()).decode() or "AA"

    with pytest.raises(Rejected):
        read_paging(query(f"cursor={wrapped}"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "{019b2f6e-0000-7000-8000-000000000000}",
        "019b2f6e000070008000000000000000",
        "\u066019b2f6e-0000-7000-8000-000000000000",
    ],
)
def test_only_the_hyphenated_form_is_an_id(text: str) -> None:
    assert as_id(text) is None


def test_an_id_may_be_written_in_capitals() -> None:
    assert as_id("019B2F6E-0000-7000-8000-000000000000") == "019b2f6e-0000-7000-8000-000000000000"
