"""The session id in log lines of workflows and activities."""

from __future__ import annotations

import dataclasses

import pytest
from temporalio.testing import ActivityEnvironment

from contracts.customer_webhooks import delivery_id
from telemetry.temporal_sdk import session_of_call

SESSION = "session_1234567890_abc123"


@pytest.mark.parametrize("workflow_id", [SESSION, delivery_id(SESSION)])
def test_activity_has_the_session_of_its_workflow(workflow_id: str) -> None:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, workflow_id=workflow_id)
    assert environment.run(session_of_call) == SESSION


def test_no_session_outside_of_workflows_and_activities() -> None:
    assert session_of_call() == ""
