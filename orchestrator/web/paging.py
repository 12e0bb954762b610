"""Pages of a list, newest first. A cursor is the last id of the page before, wrapped so that nobody builds one."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from orchestrator.domain.errors import Rejected
from orchestrator.web.queries import Query, as_id

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
PARAMETERS: Final = ("limit", "cursor")


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Identified)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which page is asked for."""

    limit: int
    before: str | None
    """Only things with a smaller id."""

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than are shown tells whether there are more."""
        return self.limit + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[T]):
    """One page of rows, and the cursor of the next one."""

    rows: Sequence[T]
    next_cursor: str | None


def read_paging(query: Query) -> Paging:
    """`limit` (1 to 200, 50 unless told) and `cursor`, or Rejected."""
    cursor = query.text("cursor")
    return Paging(
        limit=query.number("limit", least=1, most=MAX_LIMIT, default=DEFAULT_LIMIT),
        before=None if cursor is None else _unwrap(cursor),
    )


def cut(rows: Sequence[T], paging: Paging) -> Slice[T]:
    """The page in `rows`, which were read with `paging.fetch`."""
    shown = rows[: paging.limit]
    return Slice(rows=shown, next_cursor=_wrap(shown[-1].id) if len(rows) > len(shown) else None)


def _wrap(last_id: str) -> str:
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def _unwrap(cursor: str) -> str:
    try:
        last_id = as_id(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except ValueError:
        last_id = None
    if last_id is None:
        raise Rejected("cursor", "is not a cursor of ours; pass `next_cursor` of the page before, unchanged.")
    return last_id
