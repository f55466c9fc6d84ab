"""The caller on a real LiveKit server, with an agent that says given texts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pytest
from livekit import api, rtc

from lab.caller import Caller, speech
from lab.caller.listener import Listener
from settings import LiveKitSettings
from stack.local_stack import LocalStack
from tests.fakes.talking_agent import TalkingAgent

pytestmark = pytest.mark.slow

GREETING = "Hello there. How can I help you today?"
STORY = "Once upon a time there was a small boat. It sailed across the wide sea, and it never came back again."
DELAY = 0.25
"""Limit for the way of a sound on a busy machine, in seconds."""


class LiveKitRooms:
    """Signs tokens for any room of a LiveKit server."""

    def __init__(self, settings: LiveKitSettings) -> None:
        self.url = settings.url
        self._keys = settings.api_key, settings.api_secret.get_secret_value()

    def token(self, room: str, identity: str, kind: Literal["standard", "agent"] = "standard") -> str:
        token = api.AccessToken(*self._keys).with_identity(identity).with_kind(kind)
        return token.with_grants(api.VideoGrants(room_join=True, room_create=True, room=room)).to_jwt()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKitRooms]:
    with LocalStack.isolated(tmp_path_factory.mktemp("livekit"), parts=("livekit",)) as stack:
        yield LiveKitRooms(stack.settings.livekit)


def agent(server: LiveKitRooms, room: str, identity: str) -> TalkingAgent:
    return TalkingAgent(server.url, server.token(room, identity, kind="agent"))


async def test_the_agent_is_heard_in_real_time(server: LiveKitRooms) -> None:
    async with (
        Caller(server.url, server.token("hear", "user_1")) as caller,
        agent(server, "hear", "agent_1") as voice,
    ):
        assert await caller.agent_present() == "agent_1"
        spoken = await voice.say(GREETING)
        heard = await caller.hear()
        assert heard.identity == "agent_1"
        assert speech.word_error_rate(GREETING, heard.text) <= 0.2
        assert 0 <= heard.first_sound_at - spoken.first_sound_at < DELAY
        assert heard.duration == pytest.approx(spoken.duration, abs=DELAY)


@contextlib.asynccontextmanager
async def overheard(server: LiveKitRooms, room: str) -> AsyncIterator[Listener]:
    """Listen to everyone in `room`."""
    connection, listener = rtc.Room(), Listener(hangover=0.8)
    connection.on("track_subscribed", lambda track, _, who: listener.listen(track, who.identity))
    await connection.connect(server.url, server.token(room, "listener"))
    try:
        yield listener
    finally:
        await connection.disconnect()
        await listener.close()


async def test_the_caller_is_heard_in_real_time(server: LiveKitRooms) -> None:
    async with overheard(server, "say") as listener, Caller(server.url, server.token("say", "user_1")) as caller:
        spoken = await caller.say(STORY)
        async with asyncio.timeout(10):
            heard = await listener.utterances.get()
        assert heard.identity == "user_1"
        assert speech.word_error_rate(STORY, await speech.recognize(heard.samples)) <= 0.2
        assert 0 <= heard.first_sound_at - spoken.first_sound_at < DELAY
        assert heard.last_sound_at - heard.first_sound_at == pytest.approx(spoken.duration, abs=DELAY)


async def test_a_second_agent_is_heard_after_the_first(server: LiveKitRooms) -> None:
    async with Caller(server.url, server.token("two", "user_1")) as caller:
        async with agent(server, "two", "agent_1") as first:
            ended = await first.say("This is the first voice.")
            await caller.hear()
        async with agent(server, "two", "agent_2") as second:
            assert await caller.agent_present(other_than="agent_1") == "agent_2"
            began = await second.say("Now you hear another one.")
            heard = await caller.hear()
        assert heard.identity == "agent_2"
        assert caller.timeline.overlap() == 0
        second_sound = caller.timeline.first_sound(ended.last_sound_at + DELAY)
        assert second_sound is not None
        assert second_sound >= began.first_sound_at


async def test_an_overlap_of_two_agents_is_measured(server: LiveKitRooms) -> None:
    async with (
        Caller(server.url, server.token("both", "user_1")) as caller,
        agent(server, "both", "agent_1") as one,
        agent(server, "both", "agent_2") as two,
    ):
        await asyncio.gather(one.say(STORY), two.say(STORY), caller.sound(0))
        assert {(await caller.hear()).identity, (await caller.hear()).identity} == {"agent_1", "agent_2"}
        assert caller.timeline.overlap() > 1


async def test_a_cancelled_utterance_goes_silent(server: LiveKitRooms) -> None:
    async with (
        Caller(server.url, server.token("stop", "user_1")) as caller,
        agent(server, "stop", "agent_1") as voice,
    ):
        telling = asyncio.create_task(voice.say(STORY))
        began = await caller.sound(0)
        await caller.sound(began + 1)
        telling.cancel()
        silent_since = await caller.silence(0.6)
        heard = await caller.hear()
        assert silent_since == pytest.approx(heard.last_sound_at, abs=0.05)
        assert heard.duration < 2


async def test_silence_is_a_timeout_and_leaving_ends_an_utterance(server: LiveKitRooms) -> None:
    async with overheard(server, "quiet") as listener:
        caller = Caller(server.url, server.token("quiet", "user_1"))
        async with caller:
            with pytest.raises(TimeoutError):
                await caller.hear(within=0.2)
            talking = asyncio.create_task(caller.say(STORY))
            await listener.until(lambda: listener.timeline.first_sound(0))
    with pytest.raises(ConnectionError):
        await talking
    with pytest.raises(ConnectionError):
        await caller.say("Hello?")
