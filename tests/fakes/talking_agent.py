"""An agent participant that speaks given texts, so that a test knows the audio."""

from __future__ import annotations

import asyncio
from typing import Self

from livekit import rtc

from lab.caller import speech
from lab.caller.microphone import Microphone, Spoken


class TalkingAgent:
    """Joins a room with a token of kind agent and publishes one voice track."""

    def __init__(self, server_url: str, token: str) -> None:
        self._server_url, self._token = server_url, token
        self._room = rtc.Room()
        self._voice: Microphone | None = None

    async def __aenter__(self) -> Self:
        await self._room.connect(self._server_url, self._token)
        self._voice = Microphone()
        track = rtc.LocalAudioTrack.create_audio_track("voice", self._voice.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        publication = await self._room.local_participant.publish_track(track, options)
        self._voice.start()
        async with asyncio.timeout(10):
            await publication.wait_for_subscription()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._room.disconnect()
        if self._voice is not None:
            await self._voice.stop()

    async def say(self, text: str) -> Spoken:
        assert self._voice is not None
        return await self._voice.play(text, await speech.synthesize(text))
