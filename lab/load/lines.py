"""The two ways to an agent: this system's REST API, and a room with LiveKit's own dispatch of a plain worker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Protocol

import httpx
from livekit import api
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from contracts.search_attributes import RUNNING
from lab.chaos.world import World
from lab.load.spoken_call import Line, SpokenCall
from lab.peers.plain_agent import AGENT_NAME
from lab.rest_client import SessionClient, Started

_SETTLE_SECONDS = 30.0
_POLL_SECONDS = 0.2


class System(Line, Protocol):
    """A system under load."""

    name: str

    async def ghost(self) -> SpokenCall:
        """Start and end a call at once; nobody joins."""

    async def settle(self, calls: Sequence[SpokenCall]) -> list[str]:
        """Wait until all calls are cleaned up; fill in agents and bills. Returns what is wrong."""


class OurSystem:
    """Sessions by REST. Ends are retried by `patient`, starts never."""

    name = "ours"

    def __init__(self, world: World, patient: SessionClient) -> None:
        self._world = world
        self._patient = patient

    async def start(self) -> Started:
        return await self._world.rest.start("load")

    async def end(self, session_id: str) -> None:
        await self._patient.end(session_id)

    async def ghost(self) -> SpokenCall:
        return await _ghost(self)

    async def settle(self, calls: Sequence[SpokenCall]) -> list[str]:
        await asyncio.gather(*(self._read_bill(call) for call in calls if call.session_id))
        wrong = [call.wrong_bill for call in calls]
        left = await _until_none(self._running)
        return [*filter(None, wrong), *(f"{session_id} is still running" for session_id in left)]

    async def _read_bill(self, call: SpokenCall) -> None:
        with suppress(TimeoutError, RPCError, WorkflowFailureError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                summary = await self._world.session(call.session_id).result()
            call.generations, call.billed = summary.generations, summary.duration_seconds

    async def _running(self) -> list[str]:
        found = self._world.temporal.list_workflows(RUNNING)
        return [workflow.id async for workflow in found]


class PlainWorker:
    """A room for each call, made with the dispatch of its agent, and deleted at the end."""

    name = "plain worker"

    def __init__(self, world: World) -> None:
        self._livekit = world.livekit
        self._settings = world.stack.settings.livekit

    async def start(self) -> Started:
        room = f"{AGENT_NAME}-{uuid.uuid4().hex}"
        request = api.CreateRoomRequest(name=room, agents=[api.RoomAgentDispatch(agent_name=AGENT_NAME)])
        await self._livekit.room.create_room(request)
        secret = self._settings.api_secret.get_secret_value()
        token = api.AccessToken(self._settings.api_key, secret).with_identity("caller")
        return Started(room, self._settings.url, token.with_grants(api.VideoGrants(room_join=True, room=room)).to_jwt())

    async def end(self, session_id: str) -> None:
        with suppress(api.TwirpError):  # not found: LiveKit has closed it already
            await self._livekit.room.delete_room(api.DeleteRoomRequest(room=session_id))

    async def ghost(self) -> SpokenCall:
        return await _ghost(self)

    async def settle(self, calls: Sequence[SpokenCall]) -> list[str]:
        return [f"room {room} is still open" for room in await _until_none(self._rooms)]

    async def _rooms(self) -> list[str]:
        rooms = await self._livekit.room.list_rooms(api.ListRoomsRequest())
        return [room.name for room in rooms.rooms if room.name.startswith(AGENT_NAME)]


async def _ghost(line: Line) -> SpokenCall:
    call = SpokenCall(0)
    try:
        call.session_id = (await line.start()).session_id
        await line.end(call.session_id)
    except httpx.HTTPStatusError as error:
        call.note_refusal(error)
    except Exception as error:
        call.error = f"{type(error).__name__} {error}".strip()
    return call


async def _until_none(find: Callable[[], Awaitable[list[str]]]) -> list[str]:
    deadline = monotonic() + _SETTLE_SECONDS
    while (found := await find()) and monotonic() < deadline:  # noqa: ASYNC110  polled
        await asyncio.sleep(_POLL_SECONDS)
    return found
