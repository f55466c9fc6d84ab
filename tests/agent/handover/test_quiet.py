"""When one agent can follow another: nothing is being said, and nothing that was said is left unanswered."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from agent.handover.quiet import Quiet
from tests.fakes.agent_session import FakeSession


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def quiet(session: FakeSession) -> Quiet:
    any_session: Any = session
    return Quiet(any_session)


async def waits(quiet: Quiet) -> asyncio.Task[None]:
    waiting = asyncio.create_task(quiet.wait_for_quiet())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.05)
    return waiting


async def test_comes_at_once_when_nobody_speaks(quiet: Quiet) -> None:
    await asyncio.wait_for(quiet.wait_for_quiet(), 1)


@pytest.mark.parametrize("state", ["speaking", "thinking"])
async def test_waits_for_the_end_of_what_the_agent_says(session: FakeSession, quiet: Quiet, state: str) -> None:
    session.agent(state)
    session.current_speech = object()
    waiting = await waits(quiet)
    session.agent("listening")
    session.current_speech = None
    await asyncio.wait_for(waiting, 1)


async def test_a_sentence_under_way_is_heard_committed_and_answered(session: FakeSession, quiet: Quiet) -> None:
    session.caller("speaking")
    waiting = await waits(quiet)
    session.caller("listening")
    session.agent("thinking")
    session.add(SimpleNamespace(role="user"))
    session.agent("speaking")
    assert not waiting.done()
    session.agent("listening")
    await asyncio.wait_for(waiting, 1)


async def test_a_noise_that_becomes_no_turn_is_not_waited_for_long(
    session: FakeSession, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.handover.quiet._END_OF_TURN_SECONDS", 0.2)
    session.caller("speaking")
    session.caller("listening")
    waiting = await waits(quiet)
    await asyncio.wait_for(waiting, 1)


async def test_a_sentence_that_begins_later_is_left_to_the_newcomer(session: FakeSession, quiet: Quiet) -> None:
    session.agent("speaking")
    waiting = await waits(quiet)
    session.caller("speaking")
    session.agent("listening")
    await asyncio.wait_for(waiting, 1)
