"""What the demo asks for and what has to come of it: the ordinary ways of a job, and the ways in which it goes wrong.

The sandbox is told by the prompt how to misbehave; it does not draw that part.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_UNFIT: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One job of the demo."""

    number: int
    title: str
    """What is to be seen; also the name of its files."""
    shows: str
    """What this one is here for."""
    operation: str = "openai/images/generations"
    input: Mapping[str, Any] = field(default_factory=dict)
    behaviour: str = ""
    """For the sandbox."""
    edits: int | None = None
    """The number of the wish whose picture is edited."""
    has_callback: bool = False
    """Whether the job has a `callback_url` of its own."""
    state: str = "succeeded"
    pictures: int = 1
    recovered_by: str | None = None

    @property
    def prompt(self) -> str:
        """The title, with what the sandbox shall do."""
        return f"{self.title} [sandbox {self.behaviour}]" if self.behaviour else self.title

    def stem(self, index: int) -> str:
        """The name of a file, without its ending."""
        place = f"-{index + 1}" if self.pictures > 1 else ""
        return f"{self.number}-{_UNFIT.sub('-', self.title.lower()).strip('-')}{place}"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a wish."""

    wish: Wish
    job: dict[str, Any]
    webhooks: int = 0
    """How often its end was told."""
    files: list[Path] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Files whose bytes are not those that were promised."""

    @property
    def recovered_by(self) -> str | None:
        """How the result came, if not by callback."""
        return next((task["recovered_by"] for task in self.job["tasks"] if task["recovered_by"]), None)

    def complaints(self) -> list[str]:
        """What is not as it should be."""
        wish, found = self.wish, []
        if self.job["status"] != wish.state:
            found.append(f"it {self.job['status']} ({self.job['error']}), it should have {wish.state}")
        if len(self.files) != (wish.pictures if wish.state == "succeeded" else 0):
            found.append(f"it has {len(self.files)} pictures")
        if self.recovered_by != wish.recovered_by:
            found.append(f"its result came by {self.recovered_by or 'callback'}")
        if self.webhooks != 1:
            found.append(f"its end was told {self.webhooks} times")
        return [*found, *(f"{name} is not what was promised" for name in self.broken)]


_GPT: Final = {"model": "gpt-image-2"}

WISHES: Final = (
    Wish(number=1, title="A lighthouse at dusk", shows="by link", input={**_GPT, "size": "1024x1536"}),
    Wish(
        number=2,
        title="A paper boat",
        shows="as base64",
        input={**_GPT, "size": "1536x1024", "response_format": "b64_json"},
    ),
    Wish(
        number=3,
        title="Three foxes",
        shows="nano-banana",
        operation="nano-banana/images",
        input={"model": "nano-banana-2", "action": "generate", "aspect_ratio": "16:9"},
    ),
    Wish(
        number=4,
        title="The same at night",
        shows="edit of 1",
        operation="openai/images/edits",
        input={**_GPT, "size": "1024x1536"},
        edits=1,
    ),
    Wish(
        number=5,
        title="Two cups of tea",
        shows="two pictures",
        input={**_GPT, "n": 2, "output_format": "jpeg"},
        pictures=2,
        has_callback=True,
    ),
    Wish(
        number=6, title="A closed door", shows="fails upstream", input=_GPT, behaviour="fail=forbidden", state="failed"
    ),
    Wish(
        number=7,
        title="A lost letter",
        shows="callback lost",
        input=_GPT,
        behaviour="lost=1",
        recovered_by="poll",
    ),
    Wish(number=8, title="An echo", shows="callback twice", input=_GPT, behaviour="duplicates=1"),
    Wish(
        number=9,
        title="A broken line",
        shows="submit cut off",
        input=_GPT,
        behaviour="drop=after",
    ),
)
