"""A session at its bounds: its result and the input of its next run are payloads that Temporal takes."""

from __future__ import annotations

import base64

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from connections.payload_encryption import EncryptionCodec, KeyRing
from contracts.agent_options import AgentOptions
from contracts.session import SessionRecord, SessionRequest
from contracts.statuses import EndReason
from contracts.turns import LatencyBreakdown, Turn
from workflows.session import event_log, transcript
from workflows.session.state import SessionState

NOW = 1_800_000_000.0
TAKEN_BYTES = 2 * 1024 * 1024
"""Temporal's `limit.blobSize.error`."""
MARGIN = 0.85
REQUEST = SessionRequest(
    session_id="session_1800000000_abcdef",
    user_name="ann" * 40,
    options=AgentOptions(system_prompt="\U0001f600" * 20_000, opening_line="\U0001f600" * 1_000),
    webhook_url="https://customer.example/" + "x" * 2_000,
)
LATENCY = LatencyBreakdown(
    total=1.123, transcription=0.123, end_of_turn=0.456, first_token=0.321, first_sentence=0.234, first_audio=0.111
)


def turn(sequence: int, text: str) -> Turn:
    at_ms = int(NOW * 1000)
    return Turn(
        generation=1, sequence=sequence, role="agent", text=text, at_ms=at_ms, began_at_ms=at_ms, latency=LATENCY
    )


async def size(value: object) -> int:
    """Bytes of the encrypted payload."""
    keys = KeyRing.parse(f"a-key-with-a-long-name:{base64.b64encode(bytes(32)).decode()}")
    [payload] = await EncryptionCodec(keys).encode(await pydantic_data_converter.encode([value]))
    return payload.ByteSize()


@pytest.mark.parametrize("text", ["Yes.", "\U0001f600" * 200, '"\\' * 50, "\x00" * 1_000], ids=len)
async def test_a_session_at_its_bounds_fits_into_a_payload(text: str) -> None:
    state = SessionState.of(REQUEST, NOW)
    state.agents.launch(NOW)
    for sequence in range(1, 12_000):
        entry = state.transcript.note(turn(sequence, text))
        if entry is None:
            break
        state.events.turn(NOW, entry)
    else:
        pytest.fail("turns have no bound")
    for number in range(event_log.KEPT):
        state.events.agent(NOW, number, "lost", "x" * 120, "generation lost: " + "x" * 120)
    state.decide_end(EndReason.API_REQUEST, NOW)
    state.settle_bill(REQUEST)
    assert state.end.summary is not None
    record = SessionRecord(**dict(state.end.summary), log=state.log(REQUEST))
    next_request = REQUEST.model_copy(update={"state": state.model_dump(mode="json")})
    for value in (record, next_request):
        assert 1_000_000 < await size(value) < MARGIN * TAKEN_BYTES


def test_four_hours_without_a_pause_are_kept_whole() -> None:
    """A turn every five seconds, half of them an agent's with its latency."""
    state = SessionState.of(REQUEST, NOW)
    for sequence in range(1, 4 * 720):
        said = turn(sequence, "I would like to know when you open. " * 2)
        entry = state.transcript.note(said if sequence % 2 else said.model_copy(update={"latency": None}))
        assert entry is not None
        state.events.turn(NOW, entry)
    assert len(state.events.kept) == len(state.transcript)


def test_what_an_earlier_run_kept_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    state = SessionState.of(REQUEST, NOW)
    state.transcript.note(turn(1, "a"))
    state.events.agent(NOW, 1, "queued")
    dumped = state.model_dump(mode="json")
    monkeypatch.setattr(transcript, "MAX_BYTES", 400)
    monkeypatch.setattr(event_log, "MAX_BYTES", 200)
    state = SessionState.of(REQUEST.model_copy(update={"state": dumped}), NOW)
    assert state.transcript.note(turn(2, "b")) is None
    state.events.agent(NOW, 1, "launching")
    assert [event.data["state"] for event in state.events.kept] == ["launching"]
    assert state.events.length == 2
