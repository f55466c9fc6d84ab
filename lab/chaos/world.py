"""A running stack as chaos, benchmarks and end-to-end tests see it: REST, Temporal, LiveKit and the processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import psutil
from livekit import api
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from connections.temporal_client import connect
from contracts.session import SessionRecord
from contracts.turns import Turn
from errors import SetupError
from lab.rest_client import SessionClient
from stack.local_stack import LocalStack
from stack.processes.programs import names_of
from stack.processes.waiting import wait_until
from workflows.voice_session import VoiceSession

SENTINEL = "agent.host.sentinel"
_PULLING = "pulling launches from task queue"
_POLL_SECONDS = 0.2
_BACK_SECONDS = 60.0


@dataclass(frozen=True)
class World:
    """The parts of a running stack and their state."""

    stack: LocalStack
    rest: SessionClient
    temporal: Client
    livekit: api.LiveKitAPI

    @property
    def agent_parts(self) -> list[str]:
        """The names of the AgentServers."""
        return names_of(self.stack.settings, ["agent"])

    def session(self, session_id: str) -> WorkflowHandle[VoiceSession, SessionRecord]:
        """The session's workflow."""
        return self.temporal.get_workflow_handle_for(VoiceSession.run, session_id)

    async def transcript(self, session_id: str) -> tuple[Turn, ...] | None:
        """The session's transcript; None while Temporal or its worker is down."""
        try:
            return await self.session(session_id).query(VoiceSession.transcript, rpc_timeout=timedelta(seconds=2))
        except RPCError:
            return None

    async def generations(self, session_id: str) -> int:
        """The session's number of agents so far."""
        return (await self.session(session_id).query(VoiceSession.view)).generation

    def logs(self) -> str:
        """The logs of all parts."""
        return "\n".join(log.read_text(errors="replace") for log in (self.stack.state_dir / "logs").iterdir())

    def children(self, part: str) -> list[psutil.Process]:
        """The child processes of an AgentServer except its sentinel, which outlives it on purpose."""
        try:
            everyone = psutil.Process(self.stack.pid(part)).children(recursive=True)
        except (SetupError, psutil.NoSuchProcess):
            return []
        return [process for process in everyone if not _is_sentinel(process)]

    def busy_jobs(self, part: str) -> list[psutil.Process]:
        """The job processes of a server that are in a room and not frozen: idle ones have no connection to LiveKit."""
        port = self.stack.settings.stack.livekit_port
        return [process for process in self.children(part) if _is_awake(process) and _talks_to(process, port)]

    async def serving(self, session_id: str, within: float = 10) -> tuple[str, psutil.Process]:
        """Wait until an agent serves the session; returns its host and its job process. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while True:
                pids = await self._pids(session_id)
                found = [(part, job) for part in self.agent_parts for job in self.busy_jobs(part) if job.pid in pids]
                if len(found) == 1:
                    return found[0]
                await asyncio.sleep(_POLL_SECONDS)

    async def _pids(self, session_id: str) -> set[int]:
        """The job processes of a session, from the heartbeats that their hosts send for them."""
        try:
            description = await self.session(session_id).describe(rpc_timeout=timedelta(seconds=2))
        except RPCError:
            return set()
        beats = [each.heartbeat_details.payloads for each in description.raw_description.pending_activities]
        # A launch heartbeats before its process is known.
        details = [pulse for each in beats if each for pulse in await self.temporal.data_converter.decode(each)]
        return {pulse["pid"] for pulse in details if isinstance(pulse, dict)}

    def host_starts(self, part: str) -> int:
        """The number of times that an agent host began to pull launches since the stack began."""
        return self.stack.log_path(part).read_text(errors="replace").count(_PULLING)

    async def replaced(self, part: str, pid: int) -> None:
        """Wait until a part serves as another process than `pid`."""
        await asyncio.to_thread(wait_until, lambda: self._is_still(part, pid), _BACK_SECONDS, part)
        await asyncio.to_thread(self.stack.wait_ready, part)

    async def back(self, part: str, starts: int) -> None:
        """Wait until an agent host has begun to pull launches more than `starts` times, and serves."""
        await asyncio.to_thread(wait_until, lambda: self._not_restarted(part, starts), _BACK_SECONDS, part)
        await asyncio.to_thread(self.stack.wait_ready, part)

    def _is_still(self, part: str, pid: int) -> str | None:
        try:
            return "it was not replaced" if self.stack.pid(part) == pid else None
        except SetupError as error:
            return str(error)

    def _not_restarted(self, part: str, starts: int) -> str | None:
        return None if self.host_starts(part) > starts else "it does not pull launches yet"

    async def all_parts_serve(self, within: float) -> bool:
        """True if every part serves within `within` seconds."""
        try:
            async with asyncio.timeout(within):
                for part in self.stack.names:
                    await asyncio.to_thread(self.stack.wait_ready, part)
        except (SetupError, TimeoutError):
            return False
        return True

    async def left_behind(self, session_id: str, within: float) -> tuple[str, ...]:
        """The workflow, room and job processes of an ended session that are left after `within` seconds."""
        deadline = monotonic() + within
        while True:
            left = await self._leftovers(session_id)
            if not left or monotonic() > deadline:
                return left
            await asyncio.sleep(_POLL_SECONDS)

    async def _leftovers(self, session_id: str) -> tuple[str, ...]:
        running = self.temporal.list_workflows(f"ExecutionStatus = 'Running' AND WorkflowId = '{session_id}'")
        left = [f"workflow {found.id}" async for found in running]
        rooms = await self.livekit.room.list_rooms(api.ListRoomsRequest(names=[session_id]))
        left += [f"room {room.name}" for room in rooms.rooms]
        left += [f"job {job.pid} of {part}" for part in self.agent_parts for job in self.busy_jobs(part)]
        return tuple(left)


@asynccontextmanager
async def world_of(stack: LocalStack) -> AsyncIterator[World]:
    """Connect to a running stack."""
    livekit = stack.settings.livekit
    secret = livekit.api_secret.get_secret_value()
    async with (
        SessionClient(f"http://127.0.0.1:{stack.settings.api.port}", timeout=30) as rest,
        api.LiveKitAPI(livekit.url, livekit.api_key, secret) as server,
    ):
        yield World(stack, rest, await connect(stack.settings.temporal), server)


def _is_sentinel(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return SENTINEL in process.cmdline()
    return False


def _is_awake(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    return False


def _talks_to(process: psutil.Process, port: int) -> bool:
    with suppress(psutil.Error):
        return any(link.raddr and link.raddr.port == port for link in process.net_connections("tcp"))
    return False
