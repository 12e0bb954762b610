"""What one request asks the sandbox to do to it: a value, read by one pure function.

A request asks in the header `x-sandbox: key=value; key=value`, or in its prompt: `a cat [sandbox delay=5 lost=1]`.
The prompt is there because it passes through any integration untouched, where a header would be dropped. A key
that is not known is refused by name: a misspelt behaviour that quietly did nothing would make a test worthless.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, Final

from orchestrator.sandbox.refusals import REFUSALS, Form

HEADER: Final = "x-sandbox"
TAG: Final = re.compile(r"\s*\[sandbox\b([^\]]*)\]")
ALIASES: Final = {"refuse_times": "times", "shuffle": "out_of_order"}
FLAGS: Final = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class UnreadableBehaviour(ValueError):
    """The text names a key that does not exist, or gives one a value that it cannot have."""


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError("not negative, and finite")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError("not negative")
    return value


def _flag(text: str) -> bool:
    return FLAGS[text.lower()]


def _text(text: str) -> str:
    if not text:
        raise ValueError("not empty")
    return text


def _truncation(text: str) -> str:
    # A bare `truncate`, or `truncate=1`, is the loud kind: the answer promises more bytes than come.
    return {"1": "loud", "loud": "loud", "quiet": "quiet"}[text]


def _one_of(choices: Iterable[str]) -> Callable[[str], str]:
    table = {str(choice): str(choice) for choice in choices}
    return table.__getitem__


def _key(read: Callable[[str], object], default: object = None) -> Any:
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What is unusual about one request; docs/sandbox.md explains each key. Durations are seconds, sizes bytes."""

    # The submit and its answer.
    refuse: str | None = _key(_one_of(REFUSALS))
    envelope: str | None = _key(_one_of(Form))
    status: int | None = _key(_whole)
    retry_after: float | None = _key(_seconds)
    anyway: bool = _key(_flag, False)
    hang: float = _key(_seconds, 0.0)
    drop: str | None = _key(_one_of(("before", "after")))
    times: int | None = _key(_whole)
    ack: str | None = _key(_one_of(("plain", "full", "created201")))
    inline: bool = _key(_flag, False)

    # The task and its outcome.
    delay: float | None = _key(_seconds)
    fail: str | None = _key(_text)
    upper_code: bool = _key(_flag, False)
    partial: bool = _key(_flag, False)
    no_success: bool = _key(_flag, False)
    flat: bool = _key(_flag, False)
    nested: bool = _key(_flag, False)
    b64: bool = _key(_flag, False)

    # The callbacks.
    lost: bool = _key(_flag, False)
    early: bool = _key(_flag, False)
    late: float = _key(_seconds, 0.0)
    duplicates: int = _key(_whole, 0)
    progress: bool = _key(_flag, False)
    out_of_order: bool = _key(_flag, False)
    malformed: bool = _key(_flag, False)

    # The tasks API.
    forget: bool = _key(_flag, False)
    lookup: str | None = _key(_one_of(REFUSALS))
    refresh: bool = _key(_flag, False)

    # The media links.
    expired: bool = _key(_flag, False)
    expire: float | None = _key(_seconds)
    flaky: int = _key(_whole, 0)
    redirect: int = _key(_whole, 0)
    redirect_to: str | None = _key(_text)
    truncate: str | None = _key(_truncation)
    bomb: bool = _key(_flag, False)
    type: str | None = _key(_one_of(("html",)))
    bytes: int = _key(_whole, 0)
    same: bool = _key(_flag, False)
    slow: int = _key(_whole, 0)


PLAIN: Final = Behaviour()
READERS: Final[dict[str, Callable[[str], object]]] = {key.name: key.metadata["read"] for key in fields(Behaviour)}


@lru_cache(maxsize=1024)
def parse(text: str, onto: Behaviour = PLAIN) -> Behaviour:
    """Read `key=value` pairs, parted by blanks or semicolons, onto a behaviour; a key alone means `key=1`.

    Raises:
        UnreadableBehaviour: for an unknown key or an impossible value, naming it.
    """
    changes: dict[str, Any] = {}
    for pair in re.split(r"[;\s]+", text.strip("; \t\r\n")):
        if pair:
            key, _, value = pair.partition("=")
            name = ALIASES.get(key, key)
            changes[name] = _value(key, name, value if "=" in pair else "1")
    return replace(onto, **changes)


def _value(key: str, name: str, text: str) -> object:
    if name not in READERS:
        raise UnreadableBehaviour(f"The sandbox knows no behaviour {key!r}.")
    try:
        return READERS[name](text)
    except (ValueError, KeyError) as exc:
        raise UnreadableBehaviour(f"The sandbox cannot read {key}={text}.") from exc


def split_prompt(prompt: str) -> tuple[str, str]:
    """Part a prompt into the text to be drawn and what its `[sandbox …]` tags ask for."""
    if "[sandbox" not in prompt:
        return prompt, ""
    return TAG.sub("", prompt).strip(), " ".join(TAG.findall(prompt))
