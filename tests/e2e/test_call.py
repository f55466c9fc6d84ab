"""A whole call on real servers with real speech."""

from __future__ import annotations

import json
import math
import uuid
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from contracts.statuses import EndReason
from lab.caller import Caller, speech
from workflows.voice_session import VoiceSession

if TYPE_CHECKING:
    from lab.chaos.world import World

pytestmark = pytest.mark.slow

QUESTIONS = ("What is the capital of France?", "Can you tell me something about the moon?")
SAME_WORDS = 0.35
"""Word error rate up to which a sentence counts as understood by the embedded STT."""


async def test_a_whole_call_from_start_to_bill(world: World) -> None:
    opening = "Good morning, this is the garden shop. What would you like to know?"
    prompt = f"You are a helpful assistant. Your secret name is {uuid.uuid4().hex}."
    started = await world.rest.start("ada", voiceId="Craig", openingLine=opening, systemPrompt=prompt)
    async with Caller(started.server_url, started.token) as caller:
        greeting = await caller.hear()
        assert speech.word_error_rate(opening, greeting.text) <= SAME_WORDS
        for question in QUESTIONS:
            await caller.silence(1.5)  # an answer may pause between its sentences
            caller.forget_unheard()
            spoken = await caller.say(question)
            answer = await caller.hear()
            assert speech.words(answer.text)
            assert answer.first_sound_at > spoken.last_sound_at
        await caller.silence(1)
        asked_at = monotonic()
        assert caller.joined_at is not None
        bill = await world.rest.end(started.session_id)
        assert -1 <= asked_at - caller.joined_at - bill["durationSeconds"] <= 2, "less the agent's coming"
        assert bill["durationMinutes"] == math.ceil(bill["durationSeconds"] / 60)
        assert bill["errors"] == []
        await caller.hung_up()
        assert len({frame.identity for frame in caller.timeline.frames}) == 1

    assert await world.rest.end(started.session_id) == bill
    session = world.session(started.session_id)
    summary = await session.result()
    assert summary.end_reason is EndReason.API_REQUEST
    assert summary.agent_stopped and summary.room_deleted and summary.workflow_completed

    turns = await session.query(VoiceSession.transcript)
    assert [turn.role for turn in turns[:3]] == ["agent", "caller", "agent"]
    assert turns[0].text == opening
    asked = [turn.text for turn in turns if turn.role == "caller"]
    assert len(asked) == len(QUESTIONS)
    for question, understood in zip(QUESTIONS, asked, strict=True):
        assert speech.word_error_rate(question, understood) <= SAME_WORDS

    assert await world.left_behind(started.session_id, within=20) == ()
    logs = world.logs()
    assert started.session_id in logs  # the logs hold this session
    for private in (opening, prompt, prompt.rsplit(maxsplit=1)[-1], started.token, *asked):
        assert private not in logs


async def test_livekit_webhooks_report_presence(world: World) -> None:
    started = await world.rest.start("webhook")
    async with Caller(started.server_url, started.token) as caller:
        await caller.hear()
    await world.session(started.session_id).result()
    sources = {(p["kind"], p["source"]) for p in await presence_signals(world, started.session_id)}
    assert {("joined", "webhook"), ("left", "webhook")} <= sources


async def presence_signals(world: World, session_id: str) -> list[dict[str, str]]:
    """Return the presence signals in the session's history."""
    history = await world.session(session_id).fetch_history()
    signals = [
        event.workflow_execution_signaled_event_attributes
        for event in history.events
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]
    decoded = [
        (await world.temporal.data_converter.decode(signal.input.payloads))[0]
        for signal in signals
        if signal.signal_name == "presence"
    ]
    return [json.loads(json.dumps(report)) for report in decoded]
