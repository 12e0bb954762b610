"""What a person at a terminal is told when something does not work: one sentence that names it, and no traceback."""

import sys

from orchestrator.domain.errors import OrchestratorError


class Failure(OrchestratorError):
    """A command cannot go on; the text is the whole of what its user has to know."""

    code = "command_failed"


def complain(sentence: str) -> None:
    """Say it on standard error."""
    print(f"orchestrator: {sentence}", file=sys.stderr)


def explain(error: BaseException) -> str:
    """An error as a sentence: the innermost words, without the layers that they were wrapped in."""
    if isinstance(error, BaseExceptionGroup):
        return explain(error.exceptions[0])
    if isinstance(error, OrchestratorError):
        return _ended(str(error))
    if isinstance(error, TimeoutError) and not str(error):
        return "there was no answer in time."
    # Database libraries put the statement, its parameters and a link to their manual around what the database said.
    original = getattr(error, "orig", None) or error
    if isinstance(original, OSError) and original.strerror:
        where = f": {original.filename}" if original.filename else ""
        return _ended(f"{original.strerror}{where}")
    return _ended(str(original).strip().partition("\n")[0] or type(original).__name__)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
