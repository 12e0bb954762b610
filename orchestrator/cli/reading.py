"""Reading the settings, and saying what is wrong with them by the name that an operator can look for."""

from typing import Any, Final

from pydantic import ValidationError

from orchestrator.cli.failures import Failure
from orchestrator.config import Settings

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
    return [_mistake(dict(each)) for each in error.errors(include_url=False)]


def _mistake(detail: dict[str, Any]) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if name not in Settings.model_fields:
        return f"  {PREFIX}{message}"
    field = Settings.model_fields[name]
    shown = f", not {detail['input']!r}" if field.repr else ""
    return f"  {PREFIX}{name.upper()}: {message}{shown}. {field.description}"
