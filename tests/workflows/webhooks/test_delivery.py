"""A session's webhooks over real HTTP: in order, at least once, for a day, and never in the session's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from pydantic import SecretStr
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.testing import WorkflowEnvironment

from activities.webhook_sender import WebhookSender
from api.gateway.webhook_redelivery import TemporalRedeliveries
from connections.pinned_http import PinnedClient
from connections.temporal_client import LazyClient
from connections.webhook_targets import AllowedTargets
from contracts.customer_webhooks import (
    DeliveryReport,
    DeliveryRequest,
    Redelivery,
    RedeliveryPlan,
    WebhookEvent,
    WebhookType,
    delivery_id,
)
from contracts.events import EventsRequest
from contracts.statuses import EndReason
from errors import NoWebhooks, SessionNotFound
from settings import TemporalSettings, WebhookSettings
from tests.fakes.activities import FakeActivities
from tests.fakes.webhook_receiver import HANG, HANG_UP, SECRET, Receiver, receiving
from tests.workflows.conftest import QUEUE, working
from tests.workflows.driver import Session
from workflows.voice_session import VoiceSession
from workflows.webhooks.delivery import WebhookDelivery

pytestmark = pytest.mark.asyncio(loop_scope="session")

_DAY = 24 * 60 * 60


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def time_skipping(time_skipping_apart: WorkflowEnvironment) -> WorkflowEnvironment:
    """One of its own: after a session that tells a delivery the clock of this server stands still for good."""
    return time_skipping_apart


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fakes(time_skipping: WorkflowEnvironment) -> AsyncIterator[FakeActivities]:
    async with working(time_skipping) as fakes:
        yield fakes


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture(loop_scope="session")
async def session(new_session: Callable[..., Session], receiver: Receiver) -> Session:
    """A session whose customer is the receiver, and is waited for no longer than a moment."""
    session = new_session()
    session.request = session.request.model_copy(update={"webhook_url": f"{receiver.origin}/hook"})
    settings = WebhookSettings(allowed_targets=receiver.origin, signing_secrets=SecretStr(SECRET))
    session.scene.webhooks = WebhookSender(settings, PinnedClient(total_seconds=0.3))
    return session


Delivery = WorkflowHandle[WebhookDelivery, DeliveryReport]


def delivery_of(env: WorkflowEnvironment, session: Session) -> Delivery:
    return env.client.get_workflow_handle_for(WebhookDelivery.run, delivery_id(session.id))


async def report(delivery: Delivery) -> DeliveryReport:
    """The result. No time is skipped: the test server holds its clock while an event waits for its next attempt."""
    async with asyncio.timeout(30):
        return await delivery.result()


async def a_whole_call(session: Session) -> None:
    """Two agents, of which the first is lost, and a caller."""
    first = await session.in_conversation()
    await first.crash()
    await session.agent()
    await session.end()
    assert (await session.result()).end_reason is EndReason.API_REQUEST


async def plan(session: Session, after: int = 0) -> RedeliveryPlan:
    return await session.handle.query(VoiceSession.webhooks, EventsRequest(after=after))


async def redeliver(
    env: WorkflowEnvironment, delivery: DeliveryRequest | None, events: tuple[WebhookEvent, ...]
) -> Delivery:
    """As the API does it: whether or not the delivery is still running."""
    assert delivery is not None
    return await env.client.start_workflow(
        WebhookDelivery.run,
        delivery,
        id=delivery_id(delivery.session_id),
        task_queue=QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal="redeliver",
        start_signal_args=[Redelivery(events=events)],
    )


async def test_a_customer_gets_the_webhooks_of_a_session(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    await a_whole_call(session)
    result = await report(delivery_of(time_skipping, session))
    assert (result.delivered, result.given_up, result.gone) == (6, (), False)
    bodies = receiver.bodies()
    assert [body["type"] for body in bodies] == [
        WebhookType.STARTED,
        WebhookType.AGENT_READY,
        WebhookType.ACTIVE,
        WebhookType.AGENT_LOST,
        WebhookType.AGENT_READY,
        WebhookType.ENDED,
    ]
    # What is told is what the session's log says, and the log's numbers are the order.
    log = await session.handle.query(VoiceSession.events, EventsRequest())
    assert [body["data"] for body in bodies] == [
        event.model_dump(mode="json") for event in log.events if event.id in receiver.numbers
    ]
    assert receiver.numbers == sorted(set(receiver.numbers))
    assert all(body["data"]["sessionId"] == session.id for body in bodies)
    assert bodies[-1]["data"]["data"]["endReason"] == "api_request"


async def test_failed_webhooks_are_retried_in_order(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    receiver.answers.extend([500, 204, HANG, 200, 204, 302, HANG_UP])
    await a_whole_call(session)
    result = await report(delivery_of(time_skipping, session))
    assert (result.delivered, result.given_up) == (6, ())
    assert len(receiver.requests) == 6 + 4
    assert receiver.numbers == sorted(set(receiver.numbers))
    came = [int(headers["webhook-id"].rpartition(":")[2]) for _, headers, _ in receiver.requests]
    assert came == sorted(came)
    # A repeated event has the same id and body; the time of the attempt, and so the signature, is new.
    assert len({(headers["webhook-id"], body) for _, headers, body in receiver.requests}) == 6


async def test_a_dead_receiver_is_tried_for_a_day_and_holds_no_session_open(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    receiver.always = 503
    await a_whole_call(session)
    delivery = delivery_of(time_skipping, session)
    assert (await delivery.describe()).status is WorkflowExecutionStatus.RUNNING
    attempts = [
        event.activity_task_scheduled_event_attributes
        async for event in delivery.fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    [first] = attempts
    assert _DAY - 60 < first.schedule_to_close_timeout.ToSeconds() <= _DAY
    assert first.retry_policy.maximum_attempts == 0

    # Mended, the customer gets it all, in order.
    receiver.always = 204
    result = await report(delivery)
    assert (result.delivered, result.given_up) == (6, ())


async def test_a_webhook_is_given_up_after_a_day_and_can_be_redelivered(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    receiver.always = 503
    await a_whole_call(session)
    await delivery_of(time_skipping, session).terminate()
    told = await plan(session)
    assert told.delivery is not None
    hasty = told.delivery.model_copy(update={"first_retry_seconds": 0.1, "give_up_seconds": 1.0})
    result = await report(await redeliver(time_skipping, hasty, told.events))
    assert (result.delivered, list(result.given_up)) == (0, [event.number for event in told.events])

    receiver.always = 204
    result = await report(await redeliver(time_skipping, told.delivery, told.events))
    assert (result.delivered, result.given_up) == (6, ())
    assert receiver.numbers == [event.number for event in told.events]


async def test_a_receiver_that_answers_410_gets_no_more(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    receiver.answers.extend([204, 410])
    agent = await session.in_conversation()
    result = await report(delivery_of(time_skipping, session))
    assert (result.delivered, result.gone) == (1, True)
    await agent.crash()
    await session.agent()
    await session.end()
    assert (await session.result()).end_reason is EndReason.API_REQUEST
    assert len(receiver.requests) == 2


async def test_a_redelivery_does_not_wait_for_the_next_attempt(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    receiver.answers.extend([204, 204])
    receiver.headers, receiver.always = "Retry-After: 3600\r\n", 503
    await session.in_conversation()
    await receiver.until(requests=3)
    receiver.always = 204
    wanted = await plan(session, after=receiver.numbers[0])
    delivery = await redeliver(time_skipping, wanted.delivery, wanted.events)
    # No time is skipped here: the attempt that was an hour away is made now, after those that are wanted again.
    await receiver.until(taken=4)
    assert receiver.numbers == [*receiver.numbers[:2], receiver.numbers[1], receiver.numbers[3]]
    await session.end()
    await session.result()
    assert (await report(delivery)).delivered == 5
    assert receiver.numbers[2:] == sorted(set(receiver.numbers[2:]))


async def test_a_redelivery_delivers_only_the_requested_events(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    await a_whole_call(session)
    await report(delivery_of(time_skipping, session))
    told = receiver.numbers[:]
    wanted = await plan(session, after=told[3])
    result = await report(await redeliver(time_skipping, wanted.delivery, wanted.events))
    assert result.delivered == 2
    assert receiver.numbers == [*told, *told[4:]]
    assert (await plan(session, after=told[-1])).events == ()


async def test_a_delivery_ends_when_its_session_falls_silent(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    await a_whole_call(session)
    await report(delivery_of(time_skipping, session))
    told = await plan(session)
    assert told.delivery is not None
    nearly_all = told.events[:-1]
    brief = told.delivery.model_copy(update={"silence_seconds": 0.5})
    assert (await report(await redeliver(time_skipping, brief, nearly_all))).delivered == 5


async def test_a_session_without_a_webhook_url_has_no_delivery(session: Session) -> None:
    session.request = session.request.model_copy(update={"webhook_url": ""})
    await session.in_conversation()
    await session.end()
    await session.result()
    assert (await plan(session)).delivery is None
    history = await session.handle.fetch_history()
    assert not any(
        event.HasField("start_child_workflow_execution_initiated_event_attributes") for event in history.events
    )


async def test_a_failed_start_sends_no_webhook(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    session.scene.join_token_failures = 5
    await session.start()
    assert (await session.result()).end_reason is EndReason.ERROR
    assert receiver.requests == []


async def test_the_api_redelivers_or_says_why_not(
    time_skipping: WorkflowEnvironment, session: Session, receiver: Receiver
) -> None:
    address = TemporalSettings(address=time_skipping.client.service_client.config.target_host, task_queue=QUEUE)
    api = TemporalRedeliveries(LazyClient(address), address, AllowedTargets(receiver.origin))
    await a_whole_call(session)
    await report(delivery_of(time_skipping, session))
    told = tuple(receiver.numbers)
    assert await api.redeliver(session.id, told[2]) == told[3:]
    assert (await report(delivery_of(time_skipping, session))).delivered == 3
    assert tuple(receiver.numbers) == told + told[3:]
    assert await api.redeliver(session.id, told[-1]) == ()

    elsewhere = TemporalRedeliveries(LazyClient(address), address, AllowedTargets("hooks.example.com"))
    with pytest.raises(NoWebhooks, match="WEBHOOKS_ALLOWED_TARGETS"):
        await elsewhere.redeliver(session.id, 0)
    for unknown in ("session_1800000000_000000000000", "webhooks_session_1800000000_000000000000"):
        with pytest.raises(SessionNotFound):
            await api.redeliver(unknown, 0)
