"""`docs/configuration.md`, written from the settings: `make configuration`."""

import sys
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from orchestrator.config import Settings

_HEAD: Final = """\
# Configuration

Every setting is an environment variable. There is no configuration file: what a process was told is in its
environment, and it is read once, when the process starts. An empty variable counts as one that is not set.

This page is written from `orchestrator/config.py` by `make configuration`, and a test compares the two.

| Variable | Default | Meaning |
|---|---|---|
"""

_FOOT: Final = """
## Beyond these

Credentials of a cloud store are not settings of ours. They are read from the environment under the cloud's own names
(`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `GOOGLE_…`, `AZURE_…`), and one that is put
into `ORCHESTRATOR_STORAGE_URL` is refused.

The commands that talk to a running service (`submit`, `jobs`, `endpoints`) take their key from
`ORCHESTRATOR_API_KEY`, or else the first of `ORCHESTRATOR_API_KEYS`.

To change `ORCHESTRATOR_SECRET_KEY`, put the new key in front of the old one and restart: the first signs and all
verify, so callbacks and links that are under way keep working. Take the old one out when no job is left that was
submitted under it, and when no link of that time is valid any more (`ORCHESTRATOR_LINK_TTL`).
"""


def page() -> str:
    """The whole page."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return _HEAD + "".join(rows) + _FOOT


def _row(name: str, field: FieldInfo) -> str:
    assert field.description is not None, f"The setting {name} has no sentence."
    meaning = " ".join(field.description.split())
    choices = _choices(field.annotation)
    if choices:
        meaning += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    variable = f"{Settings.model_config['env_prefix']}{name.upper()}"
    return f"| `{variable}` | {_default(name, field)} | {meaning.replace('|', '&#124;')} |\n"


def _default(name: str, field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ("", []):
        return "none"
    if isinstance(value, float):
        return f"`{value:g}`" if value < 1e6 else f"`{value:.0f}`"
    if name.endswith("_bytes"):
        return f"`{value}` ({value >> 20} MiB)"
    return f"`{value}`"


def _choices(annotation: Any) -> tuple[str, ...]:
    """The words that a setting may have, where it is one of a few."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return ()
    members = getattr(annotation, "__members__", {})
    return tuple(str(member) for member in members.values())


if __name__ == "__main__":
    sys.stdout.write(page())
