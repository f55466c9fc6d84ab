"""Errors of calls to Temporal are mapped to the project's."""

from __future__ import annotations

import pytest
from temporalio.client import RPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from api.gateway import rpc_errors
from api.gateway.rpc_errors import temporal_call, unreachable
from connections.temporal_client import LazyClient
from errors import SessionNotFound, TemporalUnavailable
from settings import TemporalSettings

SETTINGS = TemporalSettings(address="127.0.0.1:9")


def test_the_address_is_logged_but_never_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rpc_errors, "_logged_at", float("-inf"))
    assert {str(unreachable(SETTINGS)) for _ in range(100)} == {"Temporal is unreachable."}
    assert caplog.messages == ["Temporal is unreachable at 127.0.0.1:9"]
    monkeypatch.setattr(rpc_errors, "_LOG_AGAIN_SECONDS", -1.0)
    unreachable(SETTINGS)
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("error", "session_id", "expected", "text"),
    [
        (
            RPCError("away", RPCStatusCode.UNAVAILABLE, b""),
            "s",
            TemporalUnavailable,
            "Failed: Temporal is unreachable.",
        ),
        (RPCTimeoutOrCancelledError("late"), "s", TemporalUnavailable, "Failed: Temporal is unreachable."),
        (RPCError("what", RPCStatusCode.INVALID_ARGUMENT, b""), "s", TemporalUnavailable, "Failed: Temporal refused"),
        (RPCError("no", RPCStatusCode.NOT_FOUND, b""), "s", SessionNotFound, "Session s not found"),
        (RPCError("no", RPCStatusCode.NOT_FOUND, b""), "", TemporalUnavailable, "Failed: Temporal is unreachable."),
        (RuntimeError("Event loop is closed"), "s", RuntimeError, "Event loop is closed"),
        (ValueError("a bug"), "s", ValueError, "a bug"),
    ],
)
async def test_errors_are_mapped(error: Exception, session_id: str, expected: type[Exception], text: str) -> None:
    with pytest.raises(expected, match=f"^{text}"):
        async with temporal_call(SETTINGS, 5, session_id, "Failed: "):
            raise error


async def test_a_failed_first_connection_is_an_outage() -> None:
    client = await LazyClient(SETTINGS).get()
    with pytest.raises(TemporalUnavailable):
        async with temporal_call(SETTINGS, 20):
            await client.count_workflows("")
