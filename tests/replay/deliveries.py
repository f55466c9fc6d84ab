"""Sessions whose customer is told, and deliveries by themselves, as `record.py` records them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy

from activities.webhook_sender import WebhookSender
from connections.pinned_http import PinnedClient
from contracts.customer_webhooks import (
    DeliveryReport,
    DeliveryRequest,
    Redelivery,
    WebhookEvent,
    WebhookType,
    delivery_id,
)
from contracts.events import SessionEvent
from contracts.identities import new_session_id
from settings import WebhookSettings
from tests.fakes.activities import FakeActivities
from tests.fakes.webhook_receiver import SECRET, Receiver
from tests.workflows.driver import Session
from workflows.webhooks.delivery import WebhookDelivery

FIRST_RETRY_SECONDS = 0.1


def sender_to(receiver: Receiver) -> WebhookSender:
    settings = WebhookSettings(allowed_targets=receiver.origin, signing_secrets=SecretStr(SECRET))
    return WebhookSender(settings, PinnedClient())


async def webhooks(session: Session, receiver: Receiver) -> None:
    """All that a customer can be told of, to a receiver that fails in between; the delivery goes on in a new run."""
    receiver.answers.extend([204, 503, 204, 302])
    first = await session.in_conversation()
    await first.crash()
    await session.agent()
    await session.leave()
    await session.join("PA_2")
    await session.end()


async def webhooks_unwanted(session: Session, receiver: Receiver) -> None:
    """The receiver wants no more while the session goes on telling."""
    receiver.answers.extend([204, 410])
    first = await session.in_conversation()
    await receiver.until(requests=2)
    await first.crash()
    await session.agent()
    await session.end()


async def webhooks_continued(session: Session, receiver: Receiver) -> None:
    """The session goes on in a new run, which tells the delivery that the first one began."""
    first = await session.in_conversation()
    while not session.scene.adoptions.qsize():
        await first.say("And so on.")
        await session.view()  # one workflow task a turn
    await session.leave()
    await session.join("PA_2")
    await session.end()


class Delivery:
    """A delivery of a session that is only said to be."""

    def __init__(self, client: Client, fakes: FakeActivities, receiver: Receiver, task_queue: str) -> None:
        self.receiver = receiver
        self._client = client
        self._task_queue = task_queue
        self._session_id = new_session_id(1_800_000_000)
        self.id = delivery_id(self._session_id)
        self._request = DeliveryRequest(
            session_id=self._session_id,
            url=f"{receiver.origin}/hook",
            silence_seconds=20,
            first_retry_seconds=FIRST_RETRY_SECONDS,
        )
        fakes.scene(self._session_id).webhooks = sender_to(receiver)

    async def begin(self, **timers: float) -> None:
        await self._client.start_workflow(
            WebhookDelivery.run,
            self._request.model_copy(update=timers),
            id=self.id,
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )

    async def tell(self, *numbers: int, is_over: bool = False) -> None:
        """The session tells of these; of the last one as its end, if it is over."""
        for number in numbers:
            told = self._event(number, is_last=is_over and number == numbers[-1])
            await self._handle().signal(WebhookDelivery.event, told)

    async def redeliver(self, *numbers: int) -> None:
        wanted = Redelivery(events=tuple(self._event(number) for number in numbers))
        await self._handle().signal(WebhookDelivery.redeliver, wanted)

    def _handle(self) -> WorkflowHandle[WebhookDelivery, DeliveryReport]:
        return self._client.get_workflow_handle_for(WebhookDelivery.run, self.id)

    def _event(self, number: int, *, is_last: bool = False) -> WebhookEvent:
        kind, name = (WebhookType.ENDED, "session.ended") if is_last else (WebhookType.ACTIVE, "session.state")
        logged = SessionEvent(
            id=number, type=name, at="2026-11-23T21:52:37.123Z", sessionId=self._session_id, data={"state": "active"}
        )
        return WebhookEvent(type=kind, event=logged)


async def delivery_redelivered(delivery: Delivery) -> None:
    """Wanted again while the next attempt is an hour away, then while nothing waits."""
    receiver = delivery.receiver
    receiver.answers.append(204)
    receiver.headers, receiver.always = "Retry-After: 3600\r\n", 503
    await delivery.begin()
    await delivery.tell(1, 4)
    await receiver.until(requests=2)
    receiver.always = 204
    await delivery.redeliver(1, 4)
    await receiver.until(taken=3)
    await delivery.redeliver(4)
    await receiver.until(taken=4)
    await delivery.tell(5, is_over=True)


async def delivery_given_up(delivery: Delivery) -> None:
    """Nobody takes anything in its time."""
    delivery.receiver.always = 503
    await delivery.begin(give_up_seconds=1.0)
    await delivery.tell(1, 3, is_over=True)


async def delivery_silent(delivery: Delivery) -> None:
    """The session was terminated: nothing tells of its end."""
    await delivery.begin(silence_seconds=1.0)
    await delivery.tell(1)


TOLD: list[Callable[[Session, Receiver], Awaitable[None]]] = [webhooks, webhooks_unwanted, webhooks_continued]
DELIVERED: list[Callable[[Delivery], Awaitable[None]]] = [delivery_redelivered, delivery_given_up, delivery_silent]
