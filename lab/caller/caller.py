"""`Caller`: joins a session as its human does, speaks, and listens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from typing import Self

from livekit import rtc

from lab.caller import speech
from lab.caller.listener import Listener
from lab.caller.microphone import Microphone, Spoken
from lab.caller.speech import Samples
from lab.caller.timeline import Timeline


@dataclass(frozen=True)
class Heard:
    """An utterance of an agent with its recognized text; monotonic seconds of its first and last sound."""

    identity: str
    text: str
    first_sound_at: float
    last_sound_at: float
    samples: Samples = field(repr=False)

    @property
    def duration(self) -> float:
        return self.last_sound_at - self.first_sound_at


class Caller:
    """A caller with a join token; use as an async context manager. All times are `time.monotonic()` seconds.

    `hangover` is the silence that ends an utterance of the agent: longer than the pauses between its sentences.
    """

    def __init__(self, server_url: str, token: str, *, hangover: float = 0.8) -> None:
        self._server_url, self._token = server_url, token
        self._listener = Listener(hangover)
        self._microphone: Microphone | None = None
        self._disconnected = asyncio.Event()
        self._changed = asyncio.Event()
        self.room = rtc.Room()
        self.joined_at: float | None = None

    @property
    def timeline(self) -> Timeline:
        """The loudness of all agents so far."""
        return self._listener.timeline

    @property
    def agents(self) -> tuple[str, ...]:
        """Identities of the agents that are in the room now."""
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return tuple(p.identity for p in self.room.remote_participants.values() if p.kind == kind)

    async def __aenter__(self) -> Self:
        await self.join()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def join(self) -> None:
        """Connect, publish the microphone, listen to every agent now and later. Raises `rtc.ConnectError`."""
        self.room.on("track_subscribed", self._on_track)
        self.room.on("track_unsubscribed", lambda track, *_: self._listener.ignore(track))
        self.room.on("participant_connected", self._on_participant)
        self.room.on("participant_disconnected", self._on_participant)
        self.room.on("disconnected", self._on_disconnected)
        await self.room.connect(self._server_url, self._token)
        self.joined_at = monotonic()
        self._changed.set()
        self._microphone = Microphone()
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._microphone.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self._microphone.start()

    async def leave(self) -> None:
        """Hang up; safe to repeat."""
        await self.room.disconnect()
        microphone, self._microphone = self._microphone, None
        if microphone is not None:
            await microphone.stop()
        await self._listener.close()

    async def say(self, text: str) -> Spoken:
        """Speak `text` in real time; returns after its last sound. Cancel it to break off.

        Raises `ConnectionError` when the caller is not in a room, or leaves it meanwhile.
        """
        return await self.utter(text, await speech.synthesize(text))

    async def utter(self, text: str, samples: Samples) -> Spoken:
        """Play 24 kHz `samples`, described by `text`."""
        if self._microphone is None:
            raise ConnectionError("the caller is not in a room")
        return await self._microphone.play(text, samples)

    async def hear(self, within: float = 60, identity: str | None = None) -> Heard:
        """Return the next whole utterance of any agent, or of `identity`: other agents' utterances are dropped then.

        Raises `TimeoutError` when none ends in `within` seconds.
        """
        async with asyncio.timeout(within):
            utterance = await self._listener.utterances.get()
            while identity not in (None, utterance.identity):
                utterance = await self._listener.utterances.get()
        text = await speech.recognize(utterance.samples)
        return Heard(utterance.identity, text, utterance.first_sound_at, utterance.last_sound_at, utterance.samples)

    def forget_unheard(self) -> int:
        """Drop ended utterances that `hear` has not returned; returns their number."""
        dropped = self._listener.utterances.qsize()
        while not self._listener.utterances.empty():
            self._listener.utterances.get_nowait()
        return dropped

    async def sound(self, after: float, within: float = 20, identity: str | None = None) -> float:
        """Wait for the first sound later than `after` of `identity` or any agent; its time. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            return await self._listener.until(lambda: self.timeline.first_sound(after, identity))

    async def silence(self, seconds: float, within: float = 60) -> float:
        """Wait for `seconds` of silence; returns the time of its start. Raises `TimeoutError`."""
        asked_at = monotonic()

        def quiet() -> float | None:
            last = self.timeline.last_sound() or asked_at
            return last if self.timeline.frames and self.timeline.frames[-1].at - last >= seconds else None

        async with asyncio.timeout(within):
            return await self._listener.until(quiet)

    async def agent_present(self, within: float = 20, other_than: str | None = None) -> str:
        """Wait for an agent in the room; returns its identity. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while True:
                found = next((identity for identity in self.agents if identity != other_than), None)
                if found is not None:
                    return found
                await self._next_change()

    async def hung_up(self, within: float = 20) -> None:
        """Wait until this caller is disconnected, by either side. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            await self._disconnected.wait()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _on_track(self, track: rtc.Track, _: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        is_agent = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        if is_agent and track.kind == rtc.TrackKind.KIND_AUDIO:
            self._listener.listen(track, participant.identity)

    def _on_participant(self, _: rtc.RemoteParticipant) -> None:
        self._changed.set()

    def _on_disconnected(self, _: object) -> None:
        self._disconnected.set()
