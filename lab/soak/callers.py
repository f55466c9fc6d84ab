"""Simulated callers. Each keeps an account by its own clock, which the bill is compared with afterwards."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from temporalio.client import Client, WorkflowHandle

from contracts.identities import caller_identity
from contracts.session import SessionSummary
from contracts.statuses import EndReason
from lab.caller.rest import Started
from lab.soak.agents import SimulatedAgents
from lab.soak.plan import Behaviour, Script
from lab.soak.rest import Rest
from workflows.voice_session import VoiceSession

_ENDS_WITHIN_SECONDS = 90.0
_JOIN_ATTEMPTS = 3
_LATE_SECONDS = 1.5
"""A webhook that arrives this long after the second in `createdAt` is dated by that second."""


@dataclass(frozen=True)
class Span:
    """Something happened between these two Unix times."""

    earliest: float
    latest: float


@dataclass
class Account:
    """What a caller knows of its session. A bill may be between `least` and `most` seconds.

    `summary` stays None where the session did not end in time.
    """

    script: Script
    session_id: str
    reason: EndReason
    least: int = 0
    most: int = 0
    lines_heard: int = 0
    bills: list[dict[str, Any]] = field(default_factory=list)
    summary: SessionSummary | None = None


def session(temporal: Client, session_id: str) -> WorkflowHandle[VoiceSession, SessionSummary]:
    """The workflow behind a session."""
    return temporal.get_workflow_handle_for(VoiceSession.run, session_id)


async def join(started: Started) -> rtc.Room:
    """Join as clients do: with a microphone, and again when LiveKit was too busy to answer.

    Of participants without a track LiveKit tells others every few seconds only, also that they left.
    """
    for attempt in range(_JOIN_ATTEMPTS):
        room = rtc.Room()
        try:
            await room.connect(started.server_url, started.token, rtc.RoomOptions(auto_subscribe=False))
        except rtc.ConnectError:
            if attempt == _JOIN_ATTEMPTS - 1:
                raise
        else:
            break
    track = rtc.LocalAudioTrack.create_audio_track("microphone", rtc.AudioSource(24_000, 1))
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
    return room


class Callers:
    """Plays scripts, `at_once` at a time. A caller that fails raises; nothing that it did is an account then."""

    def __init__(self, rest: Rest, temporal: Client, agents: SimulatedAgents, *, at_once: int) -> None:
        self._rest = rest
        self._temporal = temporal
        self._agents = agents
        self._slots = asyncio.Semaphore(at_once)

    async def play(self, script: Script, began: float) -> Account:
        """One caller from start to bill. `began` is the run's start on the monotonic clock."""
        await asyncio.sleep(max(0.0, began + script.begins_at - time.monotonic()))
        async with self._slots:
            account = await self._call(script)
        try:
            async with asyncio.timeout(_ENDS_WITHIN_SECONDS):
                account.summary = await session(self._temporal, account.session_id).result()
        except TimeoutError:
            return account
        account.bills.append((await self._rest.end(account.session_id))[0])
        return account

    async def _call(self, script: Script) -> Account:
        started = await self._rest.start(script.user_name)
        match script.behaviour:
            case Behaviour.NEVER_JOINS:
                return Account(script, started.session_id, EndReason.NO_SHOW)
            case Behaviour.WEBHOOKS_ONLY:
                return await self._by_webhooks(script, started)
            case _:
                return await self._by_joining(script, started)

    async def _by_joining(self, script: Script, started: Started) -> Account:
        sent_at = time.time()
        room = await join(started)
        joined = Span(sent_at, time.time())
        try:
            await asyncio.sleep(script.talk_seconds)
            heard = self._agents.delivered[started.session_id]
            bills: list[dict[str, Any]] = []
            reason = EndReason.API_REQUEST
            sent_at = time.time()
            if script.behaviour is Behaviour.LEAVES:
                reason = EndReason.CALLER_LEFT
                await room.disconnect()
                ended = Span(sent_at, time.time())
            else:
                requests = 2 if script.behaviour is Behaviour.ENDS_TWICE else 1
                answers = await asyncio.gather(*(self._rest.end(started.session_id) for _ in range(requests)))
                bills = [bill for bill, _ in answers]
                ended = Span(sent_at, max(arrived_at for _, arrived_at in answers))
        finally:
            await room.disconnect()
        return Account(
            script,
            started.session_id,
            reason,
            # Whole seconds are billed, and a webhook may be dated by its second: one less or more is right.
            least=max(0, math.floor(ended.earliest - joined.latest) - 1),
            most=math.floor(ended.latest - joined.earliest) + 1,
            lines_heard=heard,
            bills=bills,
        )

    async def _by_webhooks(self, script: Script, started: Started) -> Account:
        """All times in these reports are exact, so the bill must be, too."""
        joined_at_ms = time.time_ns() // 1_000_000
        await asyncio.sleep(script.talk_seconds)
        left_at = int(time.time())
        await asyncio.sleep(left_at + _LATE_SECONDS - time.time())
        heard = self._agents.delivered[started.session_id]
        for number, name in enumerate(script.news):
            event = {
                "id": f"EV_{script.user_name}_{name}_{number}",
                "event": f"participant_{name}",
                "createdAt": str(joined_at_ms // 1000 if name == "joined" else left_at),
                "room": {"name": started.session_id},
                "participant": {
                    "sid": f"PA_{script.user_name}",
                    "identity": caller_identity(started.session_id),
                    "joinedAtMs": str(joined_at_ms),
                },
            }
            await self._rest.webhook(event)
        exact = max(0, left_at * 1000 - joined_at_ms) // 1000
        return Account(script, started.session_id, EndReason.CALLER_LEFT, least=exact, most=exact, lines_heard=heard)
