"""A job's connection to its agent host: its briefing, its reports, its signs of life. The host speaks to Temporal."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Protocol

from agent.job_link.messages import (
    FROM_HOST,
    LONGEST_LINE,
    TICK_SECONDS,
    Briefed,
    Confirmed,
    FromHost,
    Hello,
    Joined,
    Leave,
    Left,
    Reported,
    Tick,
    Transcript,
    TranscriptWanted,
    line_of,
)
from contracts.agent import AgentReady, AgentReport, Briefing, JobMetadata, ProviderChanged
from contracts.message import Message
from contracts.room import Presence
from contracts.turns import Turn

logger = logging.getLogger("agent.job_link.host_link")

_SEND_SECONDS = 10.0
_TRANSCRIPT_SECONDS = 3.0
_CLOSE_SECONDS = 2.0
_LOOP_SECONDS = 0.25


class SupersededError(Exception):
    """The session has ended or another agent serves it: leave without speaking."""


class Mute(Protocol):
    """Mutes or unmutes the agent's voice at once."""

    def __call__(self, *, muted: bool) -> None: ...


class HostLink:
    """Reads in the event loop and writes from a thread, which also ticks: it proves that the process runs.

    `in_room` says if the agent is connected to its room now. `open` connects.
    """

    def __init__(self, connection: socket.socket, *, in_room: Callable[[], bool]) -> None:
        self._socket = connection
        self._in_room = in_room
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="host-link", daemon=True)
        self._ran_at = monotonic()
        self._muted = False
        self._woken = asyncio.Event()
        self._confirmed = asyncio.Event()
        self._briefing: asyncio.Future[Briefing] = asyncio.get_running_loop().create_future()
        self._leave: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._transcript: asyncio.Future[tuple[Turn, ...] | None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, metadata: JobMetadata, *, in_room: Callable[[], bool]) -> HostLink:
        """Connect to the host that started this job. Raises `OSError` if it is gone."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(metadata.socket)
        link = cls(connection, in_room=in_room)
        link._send(Hello(key=metadata.key, pid=os.getpid()))
        await link._begin()
        return link

    async def _begin(self) -> None:
        # A duplicate with a timeout of its own; both keep the file descriptor non-blocking.
        reader, self._transport = await asyncio.open_unix_connection(sock=self._socket.dup(), limit=LONGEST_LINE)
        self._socket.settimeout(_SEND_SECONDS)
        self._writer.start()
        self._tasks = [asyncio.create_task(self._read(reader)), asyncio.create_task(self._show_that_loop_runs())]

    async def briefing(self) -> Briefing:
        """Wait for the briefing. Raises `SupersededError` if the workflow refuses this generation."""
        return await self._briefing

    def joined(self) -> None:
        """The agent is in its room."""
        self._send(Joined())

    def ready(self, report: AgentReady) -> None:
        """Report that this agent has the floor."""
        self.report(AgentReport(ready=report))

    def presence(self, report: Presence) -> None:
        """Report that the caller joined or left."""
        self.report(AgentReport(presence=report))

    def provider_changed(self, report: ProviderChanged) -> None:
        """Report that a speech provider failed or recovered."""
        self.report(AgentReport(provider=report))

    def turn(self, turn: Turn) -> None:
        """Report a turn of the caller or the agent."""
        self.report(AgentReport(turn=turn))

    def report(self, report: AgentReport) -> None:
        """Report to the workflow. The host delivers it, whatever becomes of this process."""
        self._send(Reported(report=report))

    async def transcript(self) -> tuple[Turn, ...] | None:
        """All turns that the workflow knows; None if it does not answer soon, since the caller is waiting."""
        self._transcript = asyncio.get_running_loop().create_future()
        self._send(TranscriptWanted())
        try:
            async with asyncio.timeout(_TRANSCRIPT_SECONDS):
                return await self._transcript
        except TimeoutError:
            return None

    async def wait_for_leave(self) -> str:
        """Wait until the agent must leave; return the reason."""
        return await asyncio.shield(self._leave)

    def wake(self) -> None:
        """The room is connected again: have the host confirm this agent now."""
        self._woken.set()

    def mute_when_in_doubt(self, mute: Mute, doubt_seconds: float) -> None:
        """From now on mute an agent that stood still for `doubt_seconds`, or left its room, until the host confirms it.

        Another agent may have replaced it meanwhile without having asked.
        """
        self._tasks.append(asyncio.create_task(self._doubt(mute, doubt_seconds)))

    async def _doubt(self, mute: Mute, doubt_seconds: float) -> None:
        ran_at = monotonic()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _LOOP_SECONDS)
            self._woken.clear()
            still_seconds, in_room = monotonic() - ran_at, self._in_room()
            if (not in_room or still_seconds > doubt_seconds) and not self._muted:
                mute(muted=True)
                self._muted = True
                self._send(self._tick())  # the host sees to the room
                cause = f"frozen for {still_seconds:.0f} s" if in_room else "outside the room"
                logger.info("%s: muted until the host confirms this agent", cause)
            if self._muted and in_room:
                self._confirmed.clear()
                self._send(self._tick())
                await self._confirmed.wait()
                self._muted = False
                mute(muted=False)
            ran_at = monotonic()

    async def leave(self, reason: str, *, handed_over: bool) -> None:
        """Say that the agent leaves, and deliver this and everything before it to the host."""
        self._send(Left(reason=reason, handed_over=handed_over))
        self._lines.put(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.to_thread(self._writer.join, _CLOSE_SECONDS)
        self._transport.close()
        self._socket.close()

    async def _read(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            self._take(FROM_HOST.validate_json(line))

    def _take(self, message: FromHost) -> None:
        match message:
            case Briefed(briefing=briefing) if not self._briefing.done():
                self._briefing.set_result(briefing)
            case Leave(reason=reason):
                if not self._briefing.done():
                    self._briefing.set_exception(SupersededError(reason))
                elif not self._leave.done():
                    self._leave.set_result(reason)
            case Confirmed():
                self._confirmed.set()
            case Transcript(turns=turns) if self._transcript and not self._transcript.done():
                self._transcript.set_result(turns)
            case _:
                pass

    async def _show_that_loop_runs(self) -> None:
        while True:
            self._ran_at = monotonic()
            await asyncio.sleep(_LOOP_SECONDS)

    def _tick(self) -> Tick:
        late = max(0.0, monotonic() - self._ran_at - _LOOP_SECONDS)
        return Tick(loop_late_seconds=late, in_room=self._in_room(), muted=self._muted)

    def _send(self, message: Message) -> None:
        self._lines.put(line_of(message))

    def _write(self) -> None:
        """Runs in a thread of its own: it ticks even while the event loop is busy."""
        try:
            while True:
                try:
                    line = self._lines.get(timeout=TICK_SECONDS)
                except queue.Empty:
                    line = line_of(self._tick())
                if line is None:
                    return
                self._socket.sendall(line)
        except OSError as error:  # livekit-agents ends this process, as its parent has ended
            logger.warning("the agent host does not listen any more: %s", type(error).__name__)
