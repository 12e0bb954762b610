"""The tasks that exist, and the book that finds them again."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from orchestrator.sandbox.behaviour import Behaviour
from orchestrator.sandbox.orders import Order

Item: TypeAlias = dict[str, object]


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """One accepted submit. Instants are seconds since 1970; times are seconds.

    items       what it made, media as links; None until it has succeeded
    error       what it failed with, as it is shown: an object or a bare string
    interim     what its record shows while it runs, if anything
    inputs      thumbnails of the pictures that came with the request
    serial      how many media links it has handed out
    """

    id: str
    document_id: str
    trace_id: str
    order: Order
    behaviour: Behaviour
    base_url: str
    created_at: float
    inputs: tuple[bytes, ...] = ()
    finished_at: float | None = None
    items: list[Item] | None = None
    error: object = None
    interim: Item | None = None
    serial: int = 0
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def state(self) -> str:
        if self.finished_at is None:
            return "running"
        return "failed" if self.items is None else "succeeded"

    @property
    def service(self) -> str:
        return self.order.operation.service


class TaskBook:
    """The newest `keep` tasks, by id and by trace_id; where a trace_id was used twice, it means the newest."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._by_trace: dict[str, str] = {}
        self._unfinished: set[str] = set()

    def add(self, task: Task) -> None:
        self._tasks[task.id] = task
        self._by_trace[task.trace_id] = task.id
        self._unfinished.add(task.id)
        while len(self._tasks) > self._keep:
            _, old = self._tasks.popitem(last=False)
            if self._by_trace.get(old.trace_id) == old.id:
                del self._by_trace[old.trace_id]

    @property
    def unfinished(self) -> int:
        return len(self._unfinished)

    def close(self, task: Task) -> None:
        """The task has ended: wake who waits for it."""
        self._unfinished.discard(task.id)
        task.finished.set()

    def find(self, *, task_id: str | None = None, trace_id: str | None = None) -> Task | None:
        """The task of that trace_id or, if none is asked for, of that id; None if there is none or it is forgotten."""
        key = self._by_trace.get(trace_id, "") if trace_id else task_id
        task = self._tasks.get(key or "")
        return None if task is None or task.behaviour.forget else task

    def newest(self, service: str) -> Iterator[Task]:
        """The service's tasks, newest first."""
        return (
            task for task in reversed(self._tasks.values()) if task.service == service and not task.behaviour.forget
        )

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def clear(self) -> None:
        """Forget all tasks; whoever waits for one is woken and finds it unfinished."""
        for task in self._tasks.values():
            task.finished.set()
        self._tasks.clear()
        self._by_trace.clear()
        self._unfinished.clear()
