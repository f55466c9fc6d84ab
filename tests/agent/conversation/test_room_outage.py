"""Answers during a room outage: committed if they were heard, repeated if not."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import ChatMessage

from agent.conversation import room_outage
from agent.conversation.room_outage import RoomOutage
from tests.fakes.rpc_rooms import FakeRoom

ANSWER = ChatMessage(role="assistant", content=["Tulips are two euros."])


class Agent:
    """Records committed messages and requests to repeat."""

    def __init__(self) -> None:
        self.room = FakeRoom("agent_1_AJ_a")
        self.committed: list[ChatMessage] = []
        self.repeats: asyncio.Queue[bool] = asyncio.Queue()
        self.outage = RoomOutage(self.room, self.committed.append, self._repeat_answer)

    async def _repeat_answer(self, was_buffered: bool) -> None:
        assert self.outage.disconnected  # answers that finish here are buffered too
        self.repeats.put_nowait(was_buffered)


@pytest.fixture
async def agent() -> Agent:
    return Agent()


async def test_a_connected_room_buffers_nothing(agent: Agent) -> None:
    assert not agent.outage.buffer(ANSWER)


async def test_a_resumed_connection_commits_the_buffered_answers(agent: Agent) -> None:
    agent.room.emit("reconnecting")
    assert agent.outage.buffer(ANSWER)
    assert agent.committed == []
    agent.room.emit("reconnected")
    assert agent.committed == [ANSWER]
    assert not agent.outage.disconnected


@pytest.mark.parametrize("was_buffered", [True, False])
async def test_a_new_connection_repeats_the_answer_once_the_caller_is_subscribed(
    agent: Agent, was_buffered: bool
) -> None:
    agent.room.emit("reconnecting")
    if was_buffered:
        agent.outage.buffer(ANSWER)
    agent.room.emit("local_track_republished", "publication", "TR_old")
    agent.room.emit("reconnected")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(agent.repeats.get(), 0.05)
    agent.room.emit("local_track_subscribed", "track")
    assert await asyncio.wait_for(agent.repeats.get(), 5) is was_buffered
    assert agent.committed == []
    assert not agent.outage.disconnected
    assert not agent.outage.buffer(ANSWER)


async def test_the_wait_for_the_callers_subscription_is_bounded(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_outage, "_RESUBSCRIBE_SECONDS", 0.01)
    agent.room.emit("reconnecting")
    agent.room.emit("local_track_republished", "publication", "TR_old")
    agent.room.emit("reconnected")
    assert await asyncio.wait_for(agent.repeats.get(), 5) is False
