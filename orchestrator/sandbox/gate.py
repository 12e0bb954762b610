"""What stands before every call of the API: the token, and what the call asks to have done to it."""

from dataclasses import replace

from starlette.requests import Request

from orchestrator.sandbox.behaviour import HEADER, Behaviour, UnreadableBehaviour, parse
from orchestrator.sandbox.refusals import Form, Refused, bad_request, refusal


def authorize(request: Request, token: str | None) -> None:
    """Let the request pass if its token is the one that is wanted, or any, if none is.

    Raises:
        Refused: `no_token` or `invalid_token`.
    """
    given = request.headers.get("authorization", "").removeprefix("Bearer").strip()
    if not given:
        raise Refused(refusal("no_token"))
    if token is not None and given != token:
        raise Refused(refusal("invalid_token"))


def asked_for(request: Request, told: str, usual: Behaviour) -> Behaviour:
    """The behaviour for one request: the usual one, what its prompt told, and its header over both.

    Raises:
        Refused: `bad_request`, when either cannot be read.
    """
    try:
        behaviour = parse(told, usual) if told else usual
        header = request.headers.get(HEADER)
        return parse(header, behaviour) if header else behaviour
    except UnreadableBehaviour as exc:
        raise bad_request(str(exc)) from exc


def told_refusal(behaviour: Behaviour, code: str | None = None) -> Refused | None:
    """The refusal that a behaviour asks for, in the form and with the status that it wants."""
    wanted = code or behaviour.refuse
    if wanted is None:
        return None
    answer = refusal(wanted)
    if behaviour.envelope is not None:
        answer = replace(answer, form=Form(behaviour.envelope))
    if behaviour.status is not None:
        answer = replace(answer, status=behaviour.status)
    if behaviour.upper_code:
        answer = replace(answer, code=answer.code.upper())
    return Refused(answer, retry_after=behaviour.retry_after)
