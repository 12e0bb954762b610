"""Deliver: make one attempt at one delivery, and record it.

Standard Webhooks: `webhook-id` is the event's id and the same in every attempt, `webhook-timestamp` is the attempt's,
`webhook-signature` holds one signature for each secret that is valid now. 2xx is success and everything else is not;
410 disables the endpoint; Retry-After is a minimum. The attempt and what follows from it are one transaction: a crash
before it leaves the delivery to come due again, with the same id, which is what "at least once" means.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from orchestrator.domain.backoff import scheduled
from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.ids import EndpointId
from orchestrator.domain.policy import RECORDING
from orchestrator.domain.signing import sign_webhook
from orchestrator.egress.client import Session
from orchestrator.egress.webhook import Reply, send_webhook
from orchestrator.lifecycle.announce import consumer_secrets, endpoint_secrets
from orchestrator.lifecycle.metrics import DELIVERIES
from orchestrator.lifecycle.parcels import Parcel
from orchestrator.lifecycle.services import Services
from orchestrator.storage.consumers import find_consumers
from orchestrator.storage.deliveries import (
    abandon_deliveries,
    insert_attempts,
    list_newest_told,
    record_tries,
    supersede_deliveries,
)
from orchestrator.storage.endpoints import disable_endpoints, find_endpoints
from orchestrator.storage.events import find_events

logger = logging.getLogger(__name__)


async def deliver(services: Services, parcel: Parcel) -> None:
    """Make one attempt, unless the lease has become too short to record it."""
    policy, started_at = services.policy, services.now()
    assert parcel.delivery.due_at is not None
    if parcel.delivery.due_at - started_at < policy.webhook_timeout + RECORDING:
        logger.info("delivery.left delivery=%s: it waited too long in memory", parcel.delivery.id)
        return
    timestamp = int(started_at.timestamp())
    signature = sign_webhook(parcel.secrets, message_id=parcel.delivery.event_id, timestamp=timestamp, body=parcel.body)
    reply = await _attempt(
        services.session,
        url=parcel.delivery.url,
        headers={
            "content-type": "application/json",
            "webhook-id": parcel.delivery.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        },
        body=parcel.body,
        now=started_at,
        timeout=policy.webhook_timeout.total_seconds(),
    )
    await services.together(_record_all, _Try(services.new_id(), parcel.delivery, reply, started_at))


async def _attempt(session: Session, **request: Any) -> Reply:
    """One attempt. Whatever it does to us is a failed try like any other: unrecorded, it would be repeated for ever."""
    try:
        return await send_webhook(session, **request)
    except Exception:
        logger.exception("delivery.fault url=%.200s", request["url"])
        return Reply(status=None, retry_after=None, excerpt="", error="internal", seconds=0.0)


async def load_parcels(services: Services, deliveries: Sequence[Delivery]) -> list[Parcel]:
    """What leased deliveries need to be sent; those that are owed no more are closed and left out."""
    now = services.now()
    async with services.db.reading() as tx:
        events = await find_events(tx, {delivery.event_id for delivery in deliveries})
        endpoints = await find_endpoints(tx, {each.endpoint_id for each in deliveries if each.endpoint_id})
        consumers = await find_consumers(tx, {each.consumer_id for each in deliveries if not each.endpoint_id})
        newest = await list_newest_told(tx, {each.job_id for each in deliveries})
    stale = [each for each in deliveries if each.revision < newest.get((each.job_id, each.endpoint_id), 0)]
    unwanted = {key for key, endpoint in endpoints.items() if endpoint.disabled_at is not None}
    if stale or unwanted:
        async with services.db.writing() as tx:
            await supersede_deliveries(tx, [each.id for each in stale], now=now)
            await abandon_deliveries(tx, unwanted, reason="The endpoint is disabled.", now=now)
    closed = {each.id for each in stale} | {each.id for each in deliveries if each.endpoint_id in unwanted}
    parcels = []
    for each in deliveries:
        if each.id in closed or each.event_id not in events or each.endpoint_id not in {None, *endpoints}:
            # What is not there was deleted meanwhile, and what was owed for it as well.
            continue
        event = events[each.event_id]
        if each.endpoint_id is None:
            secrets, body = consumer_secrets(consumers[each.consumer_id], now=now), event.callback_payload
        else:
            secrets, body = endpoint_secrets(endpoints[each.endpoint_id], now=now), event.payload
        assert body is not None
        parcels.append(Parcel(delivery=each, body=body, secrets=secrets))
    return parcels


@dataclass(frozen=True, slots=True)
class _Try:
    """One attempt that was made."""

    id: str
    delivery: Delivery
    reply: Reply
    started_at: datetime

    @property
    def is_success(self) -> bool:
        return self.reply.status is not None and 200 <= self.reply.status < 300

    @property
    def is_gone(self) -> bool:
        return self.reply.status == HTTPStatus.GONE

    @property
    def complaint(self) -> str | None:
        if self.is_success:
            return None
        return self.reply.error or f"HTTP {self.reply.status}"


async def _record_all(services: Services, tries: Sequence[_Try]) -> Sequence[None]:
    now = services.now()
    gone: set[EndpointId] = {each.delivery.endpoint_id for each in tries if each.is_gone and each.delivery.endpoint_id}
    async with services.db.writing() as tx:
        ours = await record_tries(tx, [_verdict(services, each, now=now) for each in tries])
        await insert_attempts(tx, [_attempt_row(each) for each in tries if each.delivery.id in ours])
        await disable_endpoints(tx, gone, reason="It answered 410 Gone.", now=now)
        await abandon_deliveries(tx, gone, reason="The endpoint is disabled.", now=now)
    for each in tries:
        DELIVERIES.labels("succeeded" if each.is_success else "failed").inc()
        if not each.is_success:
            logger.info(
                "delivery.failed delivery=%s try=%d %s", each.delivery.id, each.delivery.tries + 1, each.complaint
            )
    return [None] * len(tries)


def _verdict(services: Services, each: _Try, *, now: datetime) -> dict[str, Any]:
    """The row that the delivery becomes: done, given up, or due again."""
    wait = scheduled(services.policy.webhook_schedule, each.delivery.tries + 1, services.chance())
    if each.is_success:
        state = DeliveryState.SUCCEEDED
    elif each.is_gone or wait is None:
        state = DeliveryState.FAILED
    else:
        state = DeliveryState.PENDING
    due_at = None
    if state is DeliveryState.PENDING and wait is not None:
        asked_for = min(timedelta(seconds=each.reply.retry_after or 0), services.policy.retry_after_cap)
        due_at = now + max(wait, asked_for)
    return {
        "id": each.delivery.id,
        "attempt": each.delivery.attempt,
        "state": state,
        "due_at": due_at,
        "finished_at": None if state is DeliveryState.PENDING else now,
        "last_error": each.complaint,
    }


def _attempt_row(each: _Try) -> dict[str, Any]:
    return {
        "id": each.id,
        "delivery_id": each.delivery.id,
        "number": each.delivery.tries + 1,
        "status": each.reply.status,
        "error": each.reply.error,
        "excerpt": each.reply.excerpt.replace("\x00", "\ufffd"),
        "seconds": each.reply.seconds,
        "started_at": each.started_at,
    }
