"""A call whose workflow continues as new keeps its caller and its transcript."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest

from contracts.statuses import EndReason
from lab.caller import Caller, speech
from lab.chaos.world import World, world_of
from settings import Settings
from stack.local_stack import LocalStack
from stack.processes import programs
from stack.servers import config
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.slow

OPENING = "Welcome to the library."
QUESTIONS = ("What is the capital of France?", "Name a colour of the rainbow.", "How many days has a week?")
LONG_EVENTS = 60
"""Temporal's default of 4,096 events takes hours of talk."""


@pytest.fixture
async def impatient_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A stack whose Temporal suggests continue-as-new after a few turns."""
    default_command = config.temporal_command

    def impatient(binary: Path, settings: Settings, state_dir: Path) -> list[str]:
        limit = f"limit.historyCount.suggestContinueAsNew={LONG_EVENTS}"
        return [*default_command(binary, settings, state_dir), "--dynamic-config-value", limit]

    monkeypatch.setattr(programs, "temporal_command", impatient)
    speech.warm_up()
    with LocalStack.isolated(tmp_path, Settings()) as stack:
        async with world_of(stack) as world:
            yield world


async def test_a_call_continues_across_continue_as_new(impatient_world: World) -> None:
    started = await impatient_world.rest.start("talker", openingLine=OPENING)
    session = impatient_world.session(started.session_id)
    first_run = (await session.describe()).run_id
    async with Caller(started.server_url, started.token) as caller:
        await caller.hear()
        while (await session.describe()).run_id == first_run:
            assert len(await session.query(VoiceSession.transcript)) < 30, "the history never grew long"
            for question in QUESTIONS:
                await caller.silence(0.5)
                spoken = await caller.say(question)
                await caller.sound(after=spoken.last_sound_at)
                await caller.hear()
        known = await session.query(VoiceSession.transcript)
        await caller.silence(1.0)
        await caller.say("Thank you, and goodbye.")
        assert speech.words((await caller.hear()).text)
        assert caller.timeline.overlap() == 0
        assert caller.joined_at is not None
        asked_at = monotonic()
        bill = await impatient_world.rest.end(started.session_id)
    turns = await session.query(VoiceSession.transcript)
    assert turns[: len(known)] == known, "the transcript is kept"
    assert [turn.text for turn in turns].count(OPENING) == 1, "the caller is greeted once"
    summary = await session.result()
    assert (summary.end_reason, summary.errors) == (EndReason.API_REQUEST, ())
    assert summary.generations == 1, "the agent serves on in the new run"
    assert -1 <= asked_at - caller.joined_at - bill["durationSeconds"] <= 2, "less the agent's coming"
    assert await impatient_world.left_behind(started.session_id, within=10) == ()
