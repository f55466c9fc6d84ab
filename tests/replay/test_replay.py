"""Recorded sessions still replay: a changed workflow must not break running ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from worker import workflow_runner
from workflows.session import activity_calls
from workflows.voice_session import VoiceSession
from workflows.webhooks.delivery import WebhookDelivery

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))

CONVERSATION = HISTORIES[[path.stem for path in HISTORIES].index("conversation")]


def test_there_are_histories() -> None:
    assert len(HISTORIES) >= 24


def replay(path: Path, change: Callable[[str], str] = str) -> Exception | None:
    """Replay the history in `path`; returns the error, if any."""
    replayer = Replayer(
        workflows=[VoiceSession, WebhookDelivery],
        data_converter=pydantic_data_converter,
        workflow_runner=workflow_runner(),
    )
    history = WorkflowHistory.from_json(path.stem, change(path.read_text()))
    return asyncio.run(replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_replay(path: Path) -> None:
    assert replay(path) is None


def test_a_changed_workflow_fails_its_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_calls, "close_room", activity_calls.look_at_room)
    assert isinstance(replay(CONVERSATION), workflow.NondeterminismError)


def test_a_changed_delivery_fails_its_replay() -> None:
    path = CONVERSATION.with_name("delivery_redelivered.json")
    assert isinstance(replay(path, lambda text: text.replace("deliver_webhook", "send")), workflow.NondeterminismError)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_recorded_without_a_failed_task(path: Path) -> None:
    """Only Temporal's own refusal of a close beside a new signal may stand in it."""
    events = json.loads(path.read_text())["events"]
    failures = [attributes for event in events if (attributes := event.get("workflowTaskFailedEventAttributes"))]
    assert all(each["cause"] == "WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND" for each in failures)
    assert events[-1]["eventType"] in (
        "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED",
        "EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW",
    )
