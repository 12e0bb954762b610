"""The Range header (RFC 9110, section 14): one range of bytes.

Several ranges at once, other units and what cannot be read are passed over, as the standard allows: the answer is then
the whole.
"""

import re
from dataclasses import dataclass
from typing import Final

from orchestrator.web.errors import RangeUnsatisfiable

_RANGE: Final = re.compile(r"bytes\s*=\s*(?P<first>\d{0,18})-(?P<last>\d{0,18})", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int


def wanted_span(header: str | None, if_range: str | None, *, etag: str, size: int) -> Span | None:
    """The part that is asked for, or None for the whole. Raises RangeUnsatisfiable when no byte of it exists."""
    if header is None or (if_range is not None and if_range.strip() != etag):
        return None
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found["first"] or found["last"]):
        return None
    first, last = found["first"], found["last"]
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= end:
        raise RangeUnsatisfiable(size)
    return Span(start, end)
