"""Which session the lines are about that workflows and activities write."""

from __future__ import annotations

import dataclasses

import pytest
from temporalio.testing import ActivityEnvironment

from contracts.customer_webhooks import delivery_id
from telemetry.temporal_sdk import session_of_call

SESSION = "session_1234567890_abc123"


@pytest.mark.parametrize("workflow_id", [SESSION, delivery_id(SESSION)])
def test_an_activity_is_about_its_session_also_where_it_delivers_webhooks(workflow_id: str) -> None:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, workflow_id=workflow_id)
    assert environment.run(session_of_call) == SESSION


def test_elsewhere_no_session_is_known() -> None:
    assert session_of_call() == ""
