"""Names for identifiers, so that the type checker keeps a job's id out of a task's place.

All of them are UUIDv7 in their hyphenated text form: time-ordered, so that inserts stay at the right edge of an index.
They are made by `Services.new_id`, because making one reads the clock.
"""

from typing import NewType

ConsumerId = NewType("ConsumerId", str)
KeyId = NewType("KeyId", str)
JobId = NewType("JobId", str)
TaskId = NewType("TaskId", str)
"""Ours. The provider's own `task_id` is a plain string called `upstream_task_id`."""
CallbackId = NewType("CallbackId", str)
AssetId = NewType("AssetId", str)
EventId = NewType("EventId", str)
EndpointId = NewType("EndpointId", str)
DeliveryId = NewType("DeliveryId", str)
