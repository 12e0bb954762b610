"""What a finished task has made: the operation's template, filled in, and a media link for each file it names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from orchestrator.sandbox.media import EXTENSIONS, Media
from orchestrator.sandbox.orders import linked_names
from orchestrator.sandbox.pictures import Picture
from orchestrator.sandbox.shapes import Echo, Fill, Link, Measure, Template, instant
from orchestrator.sandbox.tasks import Item, Task

LONGEST_SIDE: Final = 4096  # pixels; twins at twice the size stop here


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """One of a task's results being made, at `now`; `publish` takes each link that it hands out."""

    task: Task
    now: float
    link_ttl: float
    publish: Callable[[Media], None]
    number: int = 1
    progress: int = 100

    def fill(self, template: object) -> object:
        """The template with everything in it that stands for something else replaced."""
        match template:
            case Link():
                return self._link(template)
            case Measure(side, scale):
                return round(self.task.order.size[("width", "height").index(side)] * scale)
            case Echo(name, default):
                return self.task.order.body.get(name) or default
            case Fill():
                return self._known(template)
            case Mapping():
                return {key: self.fill(value) for key, value in template.items()}
            case list():
                return [self.fill(value) for value in template]
            case _:
                return template

    def _known(self, wanted: Fill) -> object:
        match wanted:
            case Fill.PROMPT:
                return self.task.order.prompt
            case Fill.PROGRESS:
                return self.progress
            case Fill.ID:
                return str(self._identity)
            case Fill.NUMBER:
                return str(self._identity.int % 10**18)
            case Fill.CLOCK:
                return datetime.fromtimestamp(self.now, UTC).strftime("%Y-%m-%d %H:%M:%S")
            case Fill.INSTANT:
                return instant(self.now)
            case Fill.EPOCH:
                return int(self.now)
            case _:
                assert_never(wanted)

    @property
    def _identity(self) -> UUID:
        return uuid5(NAMESPACE_URL, f"{self.task.id}/{self.number}")

    def _link(self, link: Link) -> str:
        task = self.task
        task.serial += 1
        extension = EXTENSIONS.get(link.kind, task.order.format)
        name = f"{task.id}-{task.serial}.{extension}"
        expire = self.link_ttl if task.behaviour.expire is None else task.behaviour.expire
        picture = self._picture(link.scale) if link.kind == "image" else None
        self.publish(Media(name=name, picture=picture, behaviour=task.behaviour, expires_at=self.now + expire))
        return f"{task.base_url}/media/{name}"

    def _picture(self, scale: float) -> Picture:
        order, sides = self.task.order, self.task.order.size
        factor = min(scale, LONGEST_SIDE / max(sides)) if scale > 1 else scale
        links = linked_names(order.images)
        return Picture(
            text=order.text + (f"\n(from {', '.join(links[:3])})" if links else ""),
            width=max(1, round(sides[0] * factor)),
            height=max(1, round(sides[1] * factor)),
            format=order.format,
            caption=order.model or order.operation.service,
            number=self.number,
            count=order.count,
            inputs=self.task.inputs,
            plain=self.task.behaviour.bytes > 0,
        )


def make_items(task: Task, *, now: float, link_ttl: float, publish: Callable[[Media], None]) -> list[Item]:
    """All results of a task; only the first of them if it is to succeed in part."""
    count = 1 if task.behaviour.partial else task.order.count
    return [
        _item(
            task.order.operation.template, Making(task=task, now=now, link_ttl=link_ttl, publish=publish, number=number)
        )
        for number in range(1, count + 1)
    ]


def make_preview(task: Task, progress: int, *, now: float, link_ttl: float, publish: Callable[[Media], None]) -> Item:
    """What is shown of a task that has come so far; `progress` is per cent."""
    template = task.order.operation.preview
    if template is None:
        return {"state": "processing", "progress": progress, "data": []}
    return _item(template, Making(task=task, now=now, link_ttl=link_ttl, publish=publish, progress=progress))


def _item(template: Template, making: Making) -> Item:
    return {key: making.fill(value) for key, value in template.items()}
