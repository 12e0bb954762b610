"""What can go wrong at an HTTP edge only. The other errors are the domain's (`domain.errors`).

OrchestratorError
 ├─ Malformed               the bytes are not what they say that they are
 │   ├─ MalformedJson
 │   └─ MalformedForm
 ├─ Denied                  we know what is asked for, and it is not allowed
 │   ├─ LinkExpired
 │   └─ LinkInvalid
 └─ RangeUnsatisfiable      the part that is asked for does not exist
"""

from orchestrator.domain.errors import OrchestratorError


class Malformed(OrchestratorError):
    """The body cannot be read at all."""

    code = "malformed"


class MalformedJson(Malformed):
    """The body is not JSON."""

    code = "malformed_json"


class MalformedForm(Malformed):
    """The body is not the form that its content type announces."""

    code = "malformed_form"


class Denied(OrchestratorError):
    """Not allowed, and asking again with the same request will not help."""

    code = "denied"


class LinkExpired(Denied):
    """A signed link whose time is over."""

    code = "link_expired"


class LinkInvalid(Denied):
    """A link that we did not sign, or that was changed."""

    code = "link_invalid"


class RangeUnsatisfiable(OrchestratorError):
    """A Range that begins after the end."""

    code = "range_unsatisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"The range begins after the end; there are {size} bytes.")
        self.size = size
