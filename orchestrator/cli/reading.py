"""Reading the settings, and saying what is wrong with them by the name that an operator can look for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from orchestrator.cli.failures import Failure, explain
from orchestrator.config import Settings
from orchestrator.domain.errors import OrchestratorError

PREFIX: Final = "ORCHESTRATOR_"


def read_settings(**given: Any) -> Settings:
    """The settings of the environment, with those that the command line gave on top (None: it did not).

    Raises Failure, with a line for each variable that cannot be right.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise Failure("the settings cannot be used.\n" + "\n".join(settings_mistakes(error))) from error


def settings_mistakes(error: ValidationError) -> list[str]:
    """One line for each wrong setting: the variable, what is wrong with it, and what it is for."""
    # A value that may be of several types has a complaint for each of them; the first will do.
    first = {each["loc"][:1]: dict(each) for each in reversed(error.errors(include_url=False))}
    return [_mistake(detail) for detail in reversed(first.values())]


@contextmanager
def using_database(url: str) -> Iterator[None]:
    """Turn whatever the database or the way to it says into one sentence that names it, without its password."""
    try:
        yield
    except OrchestratorError:
        raise
    except Exception as error:
        said = explain(error)
        raise Failure(f"the database {without_password(url)} cannot be used: {said}") from error


def without_password(url: str) -> str:
    """A URL as it may be shown."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":…@", 1)))


def _mistake(detail: dict[str, Any]) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if name not in Settings.model_fields:
        return f"  {PREFIX}{message}"
    field = Settings.model_fields[name]
    shown = f" (got {detail['input']!r})" if field.repr else ""
    return f"  {PREFIX}{name.upper()}: {message}{shown}. {field.description}"
