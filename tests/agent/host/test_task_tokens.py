"""Failing the task token of an agent whose process has ended."""

from __future__ import annotations

import pytest

from agent.host import task_tokens
from agent.host.task_tokens import fail_token
from tests.fakes.temporal import NOT_FOUND, UNAVAILABLE, UNCONNECTED, FakeTemporal


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_tokens, "_PAUSE_SECONDS", 0)


async def fail(temporal: FakeTemporal, retry_seconds: float = 60) -> bool:
    return await fail_token(
        temporal.workflow_service,
        "default",
        b"token",
        failure_type="AgentServerEnded",
        message="exited",
        at_ms=1_800_000_000_000,
        retry_seconds=retry_seconds,
    )


async def test_the_report_is_repeated_during_an_outage() -> None:
    temporal = FakeTemporal([UNCONNECTED, UNAVAILABLE, UNAVAILABLE])
    assert await fail(temporal)
    assert temporal.failed == [(b"token", "AgentServerEnded")]
    assert temporal.calls == 4


async def test_a_closed_token_is_not_tried_again() -> None:
    temporal = FakeTemporal([NOT_FOUND])
    assert not await fail(temporal)
    assert temporal.calls == 1


async def test_the_report_is_given_up_after_its_time(caplog: pytest.LogCaptureFixture) -> None:
    temporal = FakeTemporal([UNAVAILABLE] * 1000)
    assert not await fail(temporal, retry_seconds=0)
    assert temporal.calls == 1
    assert "could not report an agent's failure" in caplog.text
    assert "token" not in caplog.text.replace("task_tokens", "")
