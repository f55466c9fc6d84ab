"""Sessions that were recorded once still replay: a changed workflow must not break those that run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.voice_session import VoiceSession

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def test_there_are_histories() -> None:
    assert len(HISTORIES) >= 7


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_replay(path: Path) -> None:
    replayer = Replayer(
        workflows=[VoiceSession],
        data_converter=pydantic_data_converter,
        workflow_runner=SandboxedWorkflowRunner(
            SandboxRestrictions.default.with_passthrough_modules("pydantic", "pydantic_core", "annotated_types")
        ),
    )
    history = WorkflowHistory.from_json(path.stem, path.read_text())
    result = asyncio.run(replayer.replay_workflow(history))
    assert result.replay_failure is None


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_recorded_without_a_failed_task(path: Path) -> None:
    kinds = [event["eventType"] for event in json.loads(path.read_text())["events"]]
    assert "EVENT_TYPE_WORKFLOW_TASK_FAILED" not in kinds
    assert kinds[-1] == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"
