"""The settings themselves: what they are, which are misspelt, and which secrets are no secrets."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from orchestrator.cli.doctor.findings import Finding, ok, warn
from orchestrator.cli.reading import PREFIX, without_password
from orchestrator.config import Settings

LEAST_SECRET: Final = 16
"""Characters; random ones, of which fewer can be guessed."""
_OURS: Final = frozenset({"API_KEY"})
"""Variables with our prefix that are no settings of the service: the command line reads them."""


def shown(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    """Each variable with its value, secrets masked, and whether somebody has set it."""
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        text = _plain(value) if field.repr else _masked(value)
        variable = f"{PREFIX}{name.upper()}"
        yield variable, text, bool(os.environ.get(variable))


def check_settings(settings: Settings) -> list[Finding]:
    """What can be said without asking anybody."""
    return [*_check_names(), *_check_secrets(settings)]


def _check_names() -> Iterator[Finding]:
    known = {name.upper() for name in Settings.model_fields} | _OURS
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX)
        if variable.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            remedy = f"Did you mean {PREFIX}{near[0]}?" if near else "It is not read by anything; remove it."
            yield warn("settings", f"{variable} is not a setting.", remedy)


def _check_secrets(settings: Settings) -> Iterator[Finding]:
    for name, secrets in (("SECRET_KEY", settings.secret_key), ("API_KEYS", settings.api_keys)):
        short = [secret for secret in secrets if len(secret) < LEAST_SECRET]
        if short:
            yield warn(
                "secrets",
                f"{PREFIX}{name} has a value of fewer than {LEAST_SECRET} characters.",
                "Use random ones: `openssl rand -hex 32`.",
            )
        elif secrets:
            yield ok("secrets", f"{PREFIX}{name} is long enough.")
    if not settings.secret_key:
        yield ok("secrets", "Without ORCHESTRATOR_SECRET_KEY, the one that is kept in the database is used.")


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return "" if value is None else without_password(str(value))


def _masked(value: object) -> str:
    given = value if isinstance(value, list) else [value] if value else []
    return f"({len(given)} given, hidden)" if given else ""
