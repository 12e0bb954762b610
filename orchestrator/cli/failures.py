"""What a person at a terminal is told when something does not work: one sentence that names it, and no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.domain.errors import OrchestratorError


class Failure(OrchestratorError):
    """A command cannot go on; the text is the whole of what its user has to know."""

    code = "command_failed"


def complain(sentence: str) -> None:
    """Say it on standard error."""
    print(f"orchestrator: {sentence}", file=sys.stderr)


@contextmanager
def starting(what: str) -> Iterator[None]:
    """Turn whatever stops a start into one sentence: at that point it is the surroundings that are wrong, not we."""
    try:
        yield
    except OrchestratorError:
        raise
    except Exception as error:
        raise Failure(f"{what}: {explain(error)}") from error


def explain(error: BaseException) -> str:
    """An error as a sentence: the innermost words, without the layers that they were wrapped in."""
    if isinstance(error, BaseExceptionGroup):
        return explain(error.exceptions[0])
    # Database libraries put the statement, its parameters and a link to their manual around what the database said.
    original = getattr(error, "orig", None) or error
    text = str(original).strip().partition("\n")[0] or type(original).__name__
    if isinstance(error, OrchestratorError):
        text = str(error)
    return text if text.endswith((".", "!", "?")) else f"{text}."
