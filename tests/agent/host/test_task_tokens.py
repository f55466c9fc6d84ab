"""Failing a task token for an agent that cannot."""

from __future__ import annotations

from typing import Any

import pytest

from agent.host import task_tokens
from agent.host.task_tokens import fail_token
from tests.fakes.temporal import AWAY, UNCONNECTED, UNKNOWN, FakeTemporal


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_tokens, "_PAUSE_SECONDS", 0)


async def fail(temporal: FakeTemporal, retry_seconds: float = 60) -> bool:
    service: Any = temporal
    return await fail_token(
        service, "default", b"token", failure_type="AgentServerEnded", message="gone", retry_seconds=retry_seconds
    )


async def test_tries_again_until_temporal_is_back() -> None:
    temporal = FakeTemporal([UNCONNECTED, AWAY, AWAY])
    assert await fail(temporal)
    assert temporal.failed == [(b"token", "AgentServerEnded")]
    assert temporal.calls == 4


async def test_a_token_that_is_void_is_not_tried_again() -> None:
    temporal = FakeTemporal([UNKNOWN])
    assert not await fail(temporal)
    assert temporal.calls == 1


async def test_gives_up_when_its_patience_is_over(caplog: pytest.LogCaptureFixture) -> None:
    temporal = FakeTemporal([AWAY] * 1000)
    assert not await fail(temporal, retry_seconds=0)
    assert temporal.calls == 1
    assert "could not report an agent's failure" in caplog.text
    assert "token" not in caplog.text.replace("task_tokens", "")
