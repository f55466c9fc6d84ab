"""Simulated callers. Each keeps an account by its own clock to compare the bill with."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from temporalio.client import Client, WorkflowHandle
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from activities.rooms import Rooms
from contracts.identities import caller_identity
from contracts.session import SessionRecord
from contracts.statuses import EndReason
from lab.rest_client import SessionClient, Started
from lab.soak.agents import Service, SimulatedAgents
from lab.soak.scripts import Behaviour, Script
from settings import LiveKitSettings
from workflows.voice_session import VoiceSession

_ENDS_WITHIN_SECONDS = 90.0
_ARRIVES_SECONDS = 3.0
"""Limit for a request's way to an API on a busy machine; a killed worker delays the answer more than that."""
_LATE_SECONDS = 1.5
"""A webhook this late is dated by the second in its `createdAt`."""


@dataclass(frozen=True)
class Interval:
    """The Unix times between which something happened."""

    earliest: float
    latest: float


@dataclass
class Account:
    """A caller's own account of its session. A bill may be between `least` and `most` seconds.

    `record` is None if the session did not end in time.
    """

    script: Script
    session_id: str
    reason: EndReason
    least: int = 0
    most: int = 0
    lines_heard: int = 0
    bills: list[dict[str, Any]] = field(default_factory=list)
    record: SessionRecord | None = None


def session(temporal: Client, session_id: str) -> WorkflowHandle[VoiceSession, SessionRecord]:
    """The workflow of a session."""
    return temporal.get_workflow_handle_for(VoiceSession.run, session_id)


@retry(retry=retry_if_exception_type(rtc.ConnectError), stop=stop_after_attempt(3), reraise=True)
async def _connect(started: Started) -> rtc.Room:
    room = rtc.Room()
    await room.connect(started.server_url, started.token, rtc.RoomOptions(auto_subscribe=False))
    return room


async def join(started: Started) -> rtc.Room:
    """Join as clients do: with a microphone, and with retries while LiveKit is too busy to answer.

    LiveKit reports participants without a track only every few seconds, also when they leave.
    """
    room = await _connect(started)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", rtc.AudioSource(24_000, 1))
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
    return room


def talked(joined: Interval, ended: Interval, services: Sequence[Service]) -> tuple[float, float]:
    """The least and the most seconds from the first to the last moment with both there: the caller and an agent."""

    def together(join: float, end: float) -> float:
        meetings = [(max(join, each.since), min(end, each.until)) for each in services]
        met = [(since, until) for since, until in meetings if since < until]
        return max(until for _, until in met) - min(since for since, _ in met) if met else 0.0

    return together(joined.latest, ended.earliest), together(joined.earliest, ended.latest)


class Callers:
    """Plays scripts, `at_once` at a time. A caller that fails raises and leaves no account."""

    def __init__(
        self,
        rest: SessionClient,
        livekit: LiveKitSettings,
        rooms: Rooms,
        temporal: Client,
        agents: SimulatedAgents,
        *,
        at_once: int,
    ) -> None:
        self._rest = rest
        self._rooms = rooms
        self._livekit = livekit
        self._temporal = temporal
        self._agents = agents
        self._slots = asyncio.Semaphore(at_once)

    async def play(self, script: Script, began: float) -> Account:
        """Play one caller from start to bill. `began` is the run's start on the monotonic clock."""
        await asyncio.sleep(max(0.0, began + script.begins_at - time.monotonic()))
        async with self._slots:
            account = await self._call(script)
        try:
            async with asyncio.timeout(_ENDS_WITHIN_SECONDS):
                account.record = await session(self._temporal, account.session_id).result()
        except TimeoutError:
            return account
        account.bills.append(await self._rest.end(account.session_id))
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
        joined = Interval(sent_at, time.time())
        try:
            await asyncio.sleep(script.talk_seconds)
            heard = self._agents.delivered[started.session_id]
            bills: list[dict[str, Any]] = []
            reason = EndReason.API_REQUEST
            sent_at = time.time()
            if script.behaviour is Behaviour.LEAVES:
                reason = EndReason.CALLER_LEFT
                await room.disconnect()
                await self._gone(started.session_id)
                ended = Interval(sent_at, time.time())
            else:
                requests = 2 if script.behaviour is Behaviour.ENDS_TWICE else 1
                answers = await asyncio.gather(*(self._end(started.session_id) for _ in range(requests)))
                bills = [bill for bill, _ in answers]
                ended = Interval(sent_at, max(arrived_at for _, arrived_at in answers))
        finally:
            await room.disconnect()
        least, most = talked(joined, ended, self._agents.services[started.session_id])
        return Account(
            script,
            started.session_id,
            reason,
            # Bills count whole seconds, and a webhook may be dated by its second: one second off is right.
            least=max(0, math.floor(least) - 1) if heard else 0,
            most=math.floor(most) + 1,
            lines_heard=heard,
            bills=bills,
        )

    async def _gone(self, session_id: str) -> None:
        """Wait until LiveKit has seen the caller leave, which a busy machine delays."""
        while (await self._rooms.look(session_id)).callers:  # noqa: ASYNC110  LiveKit can only be asked
            await asyncio.sleep(0.1)

    async def _end(self, session_id: str) -> tuple[dict[str, Any], float]:
        """End a session; returns its bill and the latest Unix time at which the API got the request."""
        bill, sent_at = await self._rest.timed_end(session_id)
        return bill, min(time.time(), sent_at + _ARRIVES_SECONDS)

    async def _by_webhooks(self, script: Script, started: Started) -> Account:
        """All times in these webhooks are exact, so the bill must be exact."""
        await self._agents.is_ready[started.session_id].wait()  # before there is an agent nothing is billed
        joined_at_ms = time.time_ns() // 1_000_000 + 1
        await asyncio.sleep(script.talk_seconds)
        left_at = int(time.time())
        await asyncio.sleep(left_at + _LATE_SECONDS - time.time())
        heard = self._agents.delivered[started.session_id]
        for number, name in enumerate(script.webhooks):
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
            await self._rest.webhook(event, self._livekit)
        exact = max(0, left_at * 1000 - joined_at_ms) // 1000
        return Account(script, started.session_id, EndReason.CALLER_LEFT, least=exact, most=exact, lines_heard=heard)
