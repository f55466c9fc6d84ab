"""A caller that reconnects by itself when disconnected, as a person or a reloaded page does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from heapq import merge
from time import monotonic

from livekit import rtc

from lab.caller import Caller, Heard, Spoken, Timeline

_REDIAL_PAUSE_SECONDS = 0.5
_A_DAY = 86_400.0
_HANGOVER_SECONDS = 0.7
"""Silence that ends an utterance: scripted answers are one sentence each, without a pause."""


class Phone:
    """One caller over any number of connections with the same join token; times are `time.monotonic()` seconds."""

    def __init__(self, session_id: str, server_url: str, token: str) -> None:
        self.session_id = session_id
        self._server_url, self._token = server_url, token
        self._calls: list[Caller] = []
        self._keeping: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()

    @property
    def line(self) -> Caller:
        """The current connection, or the last one."""
        return self._calls[-1]

    @property
    def agents(self) -> tuple[str, ...]:
        """Identities of the agents in the room now."""
        return self.line.agents

    @property
    def joined_at(self) -> float | None:
        """Time of the first connection."""
        return next((call.joined_at for call in self._calls if call.joined_at is not None), None)

    @property
    def timeline(self) -> Timeline:
        """The timeline of all connections."""
        whole = Timeline()
        whole.frames = list(merge(*(call.timeline.frames for call in self._calls), key=lambda frame: frame.at))
        return whole

    async def dial(self) -> None:
        """Connect, and stay connected until `hang_up`. Raises `rtc.ConnectError` when the first attempt fails."""
        await self._connect()
        self._keeping = asyncio.create_task(self._keep(), name="phone")

    async def hang_up(self) -> None:
        """Leave the room; safe to repeat."""
        keeping, self._keeping = self._keeping, None
        if keeping:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        self._connected.clear()
        if self._calls:
            await self.line.leave()

    async def say(self, text: str, within: float = 60) -> Spoken:
        """Speak as soon as connected. Raises `ConnectionError` when disconnected in the middle."""
        async with asyncio.timeout(within):
            await self._connected.wait()
        return await self.line.say(text)

    async def hear(self, within: float) -> Heard:
        """Return the next utterance on any connection. Raises `TimeoutError` when none ends."""
        deadline = monotonic() + within
        while True:
            async with asyncio.timeout(max(0.0, deadline - monotonic())):
                await self._connected.wait()
            line = self.line
            # No timeout of our own: recognition of an ended utterance may take longer.
            hearing = asyncio.create_task(line.hear(max(0.01, deadline - monotonic())))
            cut = asyncio.create_task(line.hung_up(_A_DAY))
            await asyncio.wait({hearing, cut}, return_when=asyncio.FIRST_COMPLETED)
            cut.cancel()
            if hearing.done():
                return hearing.result()
            hearing.cancel()
            if line is self.line:
                self._connected.clear()

    async def sound(self, after: float, within: float, other_than: tuple[str, ...] = ()) -> float:
        """Wait for a sound later than `after` of an agent that is none of `other_than`. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while True:
                found = self.sound_since(after, other_than)
                if found is not None:
                    return found
                await asyncio.sleep(0.02)

    def sound_since(self, after: float, other_than: tuple[str, ...] = ()) -> float | None:
        """Time of the first sound so far, later than `after`, of an agent that is none of `other_than`."""
        voices = {frame.identity for call in self._calls for frame in call.timeline.frames[-500:]} - set(other_than)
        sounds = [call.timeline.first_sound(after, voice) for call in self._calls for voice in voices]
        return min((sound for sound in sounds if sound is not None), default=None)

    def forget_unheard(self) -> None:
        """Drop utterances that `hear` has not returned."""
        self.line.forget_unheard()

    async def quiet(self, seconds: float, within: float = 20) -> None:
        """Wait until no agent has sounded for `seconds`, or until `within` is over."""
        with suppress(TimeoutError):
            await self.line.silence(seconds, within)

    async def _connect(self) -> None:
        call = Caller(self._server_url, self._token, hangover=_HANGOVER_SECONDS)
        self._calls.append(call)
        await call.join()
        self._connected.set()

    async def _keep(self) -> None:
        while True:
            await self.line.hung_up(within=_A_DAY)
            self._connected.clear()
            await self.line.leave()
            while not self._connected.is_set():
                try:
                    await self._connect()
                except rtc.ConnectError:
                    await self._calls.pop().leave()
                    await asyncio.sleep(_REDIAL_PAUSE_SECONDS)
