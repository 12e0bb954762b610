"""What a check says."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PATIENCE_SECONDS: Final = 10.0
"""How long a check waits for anybody."""


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, in a way that one may not want."""
    FAIL = "fail"
    """It will not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    about: str
    verdict: Verdict
    text: str
    remedy: str = ""


def ok(about: str, text: str) -> Finding:
    """All is well."""
    return Finding(about=about, verdict=Verdict.OK, text=text)


def warn(about: str, text: str, remedy: str) -> Finding:
    """It works, but."""
    return Finding(about=about, verdict=Verdict.WARN, text=text, remedy=remedy)


def fail(about: str, text: str, remedy: str) -> Finding:
    """It does not."""
    return Finding(about=about, verdict=Verdict.FAIL, text=text, remedy=remedy)
