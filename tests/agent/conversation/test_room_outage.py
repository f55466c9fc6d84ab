"""Answers during a room outage: committed if they were heard, repeated if not."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc
from livekit.agents import ChatMessage

from agent.conversation import room_outage
from agent.conversation.room_outage import RoomOutage
from tests.fakes.rpc_rooms import FakeParticipant, FakeRoom

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


class FakePublication(rtc.RemoteTrackPublication):
    """A track of somebody who stayed in the room."""

    def __init__(self, kind: rtc.TrackKind.ValueType, *, subscribed: bool) -> None:
        self._kind, self.is_subscribed, self.asked = kind, subscribed, 0

    kind = property(lambda self: self._kind)
    subscribed = property(lambda self: self.is_subscribed)

    def set_subscribed(self, subscribed: bool) -> None:
        self.asked += 1


async def test_an_agent_that_comes_back_is_not_deaf(agent: Agent) -> None:
    voice = FakePublication(rtc.TrackKind.KIND_AUDIO, subscribed=False)
    heard = FakePublication(rtc.TrackKind.KIND_AUDIO, subscribed=True)
    camera = FakePublication(rtc.TrackKind.KIND_VIDEO, subscribed=False)
    caller = FakeParticipant("caller_1", tracks=(voice, heard, camera))
    agent.outage = RoomOutage(room := FakeRoom("agent_1_AJ_a", caller), agent.committed.append, agent._repeat_answer)
    room.emit("reconnecting")
    room.emit("reconnected")
    assert (voice.asked, heard.asked, camera.asked) == (1, 0, 0)
