"""Metrics that sessions record of themselves. The worker that runs them serves these to Prometheus.

The meter counts nothing while a workflow is replayed. A workflow task that is done a second time, since the worker that
had it died before it could say so, may count twice.
"""

from __future__ import annotations

from typing import get_args

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.metric_names import (
        ENDS,
        FIRST_READY,
        FIRST_SOUND,
        LOSSES,
        RECOVERY,
        WEBHOOK_LAG,
        WEBHOOKS,
        WebhookOutcome,
    )
    from contracts.statuses import EndReason
    from workflows.session.agent_failures import Exit


def ended(reason: EndReason) -> None:
    """A session's end is decided."""
    workflow.metric_meter().create_counter(ENDS, "Sessions that ended, by reason.").add(1, {"reason": reason.value})


def agent_failed(exited: Exit) -> None:
    """An agent that was needed exited without a handover."""
    counter = workflow.metric_meter().create_counter(LOSSES, "Agents that were needed and are gone, by cause.")
    counter.add(1, {"cause": exited.cause})


def first_ready(seconds: float) -> None:
    """From the session's start until its first agent was ready."""
    _seconds(FIRST_READY, "From a session's start to its first ready agent.", seconds)


def recovered(seconds: float) -> None:
    """From the loss of an agent until the next one had the word."""
    _seconds(RECOVERY, "From the loss of an agent to the next ready one.", seconds)


def first_sound(seconds: float) -> None:
    """From the caller's first join until the agent's first words sounded."""
    _seconds(FIRST_SOUND, "From the caller's first join to the agent's first sound.", seconds)


def webhooks_begin() -> None:
    """All outcomes are there from the first delivery on, or the first failure would be no increase."""
    for outcome in get_args(WebhookOutcome):
        _count_webhooks(0, outcome)


def webhook_delivered(seconds: float) -> None:
    """A customer took an event, so long after it happened or was asked for again."""
    _count_webhooks(1, "delivered")
    _seconds(WEBHOOK_LAG, "From an event, or the wish for it again, until its customer took it.", seconds)


def webhook_not_delivered(outcome: WebhookOutcome) -> None:
    """An event was given up after a day, or its customer wants no more."""
    _count_webhooks(1, outcome)


def _count_webhooks(how_many: int, outcome: WebhookOutcome) -> None:
    counter = workflow.metric_meter().create_counter(WEBHOOKS, "Customer webhooks, by outcome.")
    counter.add(how_many, {"outcome": outcome})


def _seconds(name: str, description: str, seconds: float) -> None:
    workflow.metric_meter().create_histogram_float(name, description, "s").record(max(0.0, seconds))
