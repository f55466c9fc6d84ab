"""`Caller`: one human in a session, played by a program."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Self

from livekit import rtc
from livekit.rtc.data_stream import StreamError

from lab.caller import speech
from lab.caller.ear import Ear
from lab.caller.microphone import Microphone, Spoken
from lab.caller.speech import Samples
from lab.caller.timeline import Timeline

_CAPTIONS = "lk.transcription"


@dataclass(frozen=True)
class Heard:
    """An utterance of an agent: who spoke, the recognized text, monotonic seconds of its first and last sound."""

    identity: str
    text: str
    first_sound_at: float
    last_sound_at: float
    samples: Samples = field(repr=False)

    @property
    def duration(self) -> float:
        return self.last_sound_at - self.first_sound_at


@dataclass(frozen=True)
class Caption:
    """A line of the live transcript that the agent sends along: whose words, and when the line was complete."""

    identity: str
    text: str
    at: float


class Caller:
    """Joins a session with its join token; use as an async context manager. All times are `time.monotonic()` seconds.

    `hangover` is the silence that ends an utterance of the agent: longer than the pauses between its sentences.
    """

    def __init__(self, server_url: str, token: str, *, hangover: float = 0.8) -> None:
        self._server_url, self._token = server_url, token
        self._ear = Ear(hangover)
        self._microphone: Microphone | None = None
        self._captions: set[asyncio.Task[None]] = set()
        self._disconnected = asyncio.Event()
        self._news = asyncio.Event()
        self.room = rtc.Room()
        self.captions: list[Caption] = []
        self.joined_at: float | None = None
        self.left_at: float | None = None

    @property
    def timeline(self) -> Timeline:
        """What was audible when, and by whom."""
        return self._ear.timeline

    @property
    def agents(self) -> tuple[str, ...]:
        """Identities of the agents that are in the room now."""
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return tuple(p.identity for p in self.room.remote_participants.values() if p.kind == kind)

    async def __aenter__(self) -> Self:
        await self.join()
        return self

    async def __aexit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        await self.leave()

    async def join(self) -> None:
        """Connect, publish the microphone, hear every agent that is or will be there. Raises `rtc.ConnectError`."""
        self.room.on("track_subscribed", self._on_track)
        self.room.on("track_unsubscribed", lambda track, *_: self._ear.turn_from(track))
        self.room.on("participant_connected", self._on_participant)
        self.room.on("participant_disconnected", self._on_participant)
        self.room.on("disconnected", self._on_disconnected)
        self.room.register_text_stream_handler(_CAPTIONS, self._on_caption)
        await self.room.connect(self._server_url, self._token)
        self.joined_at = monotonic()
        self._news.set()
        self._microphone = Microphone()
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._microphone.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self._microphone.start()

    async def leave(self) -> None:
        """Hang up; safe to repeat."""
        if self.left_at is None:
            self.left_at = monotonic()
        await self.room.disconnect()
        microphone, self._microphone = self._microphone, None
        if microphone is not None:
            await microphone.stop()
        for task in tuple(self._captions):
            task.cancel()
        await asyncio.gather(*self._captions, return_exceptions=True)
        await self._ear.close()

    async def say(self, text: str) -> Spoken:
        """Speak `text` in real time; returns when its last sound was handed over. Cancel it to break off.

        Raises `ConnectionError` when the caller is not in a room, or leaves it meanwhile.
        """
        return await self.utter(text, await speech.synthesize(text))

    async def utter(self, text: str, samples: Samples) -> Spoken:
        """The same with a sound of one's own: 24 kHz samples, of which `text` says what they are."""
        if self._microphone is None:
            raise ConnectionError("the caller is not in a room")
        return await self._microphone.play(text, samples)

    async def hear(self, within: float = 60, identity: str | None = None) -> Heard:
        """The next whole utterance of any agent, or of `identity`: then what others said is dropped.

        Raises `TimeoutError` when none ends in `within` seconds.
        """
        async with asyncio.timeout(within):
            said = await self._ear.utterances.get()
            while identity not in (None, said.identity):
                said = await self._ear.utterances.get()
        text = await speech.recognize(said.samples)
        return Heard(said.identity, text, said.first_sound_at, said.last_sound_at, said.samples)

    def forget_unheard(self) -> int:
        """Drop utterances that ended but were not asked for with `hear`; how many."""
        dropped = self._ear.utterances.qsize()
        while not self._ear.utterances.empty():
            self._ear.utterances.get_nowait()
        return dropped

    async def sound(self, after: float, within: float = 20, identity: str | None = None) -> float:
        """When the first sound later than `after` arrives, of `identity` or of any agent. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            return await self._ear.until(lambda: self.timeline.first_sound(after, identity))

    async def silence(self, seconds: float, within: float = 60) -> float:
        """When the silence began that has now lasted `seconds`. Raises `TimeoutError`."""
        asked_at = monotonic()

        def quiet() -> float | None:
            last = self.timeline.last_sound() or asked_at
            return last if self.timeline.frames and self.timeline.frames[-1].at - last >= seconds else None

        async with asyncio.timeout(within):
            return await self._ear.until(quiet)

    async def agent_present(self, within: float = 20, other_than: str | None = None) -> str:
        """Identity of an agent in the room, as soon as there is one. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while True:
                found = next((identity for identity in self.agents if identity != other_than), None)
                if found is not None:
                    return found
                await self._next_news()

    async def caption_of(self, identity: str, within: float = 20) -> Caption:
        """The first caption of `identity`'s words, as soon as there is one. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while True:
                found = next((caption for caption in self.captions if caption.identity == identity), None)
                if found is not None:
                    return found
                await self._next_news()

    async def hung_up(self, within: float = 20) -> None:
        """Wait until the room ends for this caller, from either side. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            await self._disconnected.wait()

    async def _next_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _on_track(self, track: rtc.Track, _: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        is_agent = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        if is_agent and track.kind == rtc.TrackKind.KIND_AUDIO:
            self._ear.listen(track, participant.identity)

    def _on_participant(self, _: rtc.RemoteParticipant) -> None:
        self._news.set()

    def _on_disconnected(self, _: object) -> None:
        self._disconnected.set()

    def _on_caption(self, reader: rtc.TextStreamReader, identity: str) -> None:
        task = asyncio.create_task(self._read_caption(reader, identity), name="caption")
        self._captions.add(task)
        task.add_done_callback(self._captions.discard)

    async def _read_caption(self, reader: rtc.TextStreamReader, identity: str) -> None:
        try:
            text = await reader.read_all()
        except StreamError:
            return  # cut off by the end of the call
        self.captions.append(Caption(identity, text, monotonic()))
        self._news.set()
