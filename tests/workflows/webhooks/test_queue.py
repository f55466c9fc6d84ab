"""The order of webhooks, kept across continue-as-new."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.customer_webhooks import WebhookEvent, WebhookType
from contracts.events import SessionEvent
from workflows.webhooks.queue import WebhookQueue


def event(number: int, kind: WebhookType = WebhookType.ACTIVE) -> WebhookEvent:
    logged = SessionEvent(id=number, type="session.state", at="2026-11-23T21:52:37.123Z", sessionId="s", data={})
    return WebhookEvent(type=kind, event=logged)


def drained(queue: WebhookQueue) -> list[int]:
    numbers = []
    while queue:
        numbers.append(queue.first.event.number)
        queue.taken(queue.first)
    return numbers


def test_duplicate_events_are_ignored_and_order_is_kept() -> None:
    queue = WebhookQueue()
    for number in (1, 3, 3, 1, 4):
        queue.add(event(number), 0)
    assert drained(queue) == [1, 3, 4]
    queue.add(event(4), 0)
    assert not queue


def test_a_redelivery_has_a_day_of_its_own() -> None:
    queue = WebhookQueue()
    queue.add(event(1), 10)
    waiting = queue.first
    queue.add_again([event(1)], 50)
    assert queue.first.since == 50
    queue.taken(waiting)  # the attempt that was under way: it is not the one that is asked for
    assert drained(queue) == [1]
    assert queue.report(gone=False).delivered == 2


def test_an_event_given_up_is_reported_until_it_is_taken() -> None:
    queue = WebhookQueue()
    queue.add(event(7), 0)
    queue.give_up(queue.first)
    assert queue.report(gone=False).given_up == (7,)
    queue.add_again([event(7)], 0)
    drained(queue)
    assert queue.report(gone=False).given_up == ()


@given(st.lists(st.integers(1, 20)), st.lists(st.integers(1, 20)), st.integers(0, 20))
def test_a_new_run_goes_on_with_the_queue_of_the_old_one(before: list[int], after: list[int], taken: int) -> None:
    whole, first = WebhookQueue(), WebhookQueue()
    for queue in (whole, first):
        for number in before:
            queue.add(event(number, WebhookType.ENDED if number == 20 else WebhookType.ACTIVE), number)
        for _ in range(taken):
            if queue:
                queue.taken(queue.first)
    second = WebhookQueue.model_validate_json(first.model_dump_json())
    for queue in (whole, second):
        for number in after:
            queue.add(event(number), 0)
    assert second.is_over == whole.is_over
    assert drained(second) == drained(whole)
    assert second.report(gone=False) == whole.report(gone=False)
