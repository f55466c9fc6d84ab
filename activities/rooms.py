"""Makes, inspects and deletes a session's LiveKit room.

Every call is safe to repeat: deleting something that is gone succeeds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Any, Final

import aiohttp
from livekit import api
from livekit.protocol.models import ParticipantInfo

from activities.liveness_probe import answers_probe
from contracts.identities import agent_generation
from contracts.limits import RoomTimeouts
from contracts.room import Presence, RoomView

LIVEKIT_ERRORS: Final = (api.TwirpError, aiohttp.ClientError, TimeoutError)
"""What a call to LiveKit raises where it fails."""


class Rooms:
    """The few LiveKit calls that sessions need. Each may raise one of `LIVEKIT_ERRORS`."""

    def __init__(self, livekit: api.LiveKitAPI) -> None:
        self._livekit = livekit

    async def create(self, name: str, timeouts: RoomTimeouts) -> None:
        """Make the room, or leave it as it is. Servers run with `auto_create` off, so nobody else can."""
        await self._livekit.room.create_room(
            api.CreateRoomRequest(
                name=name, empty_timeout=timeouts.empty_seconds, departure_timeout=timeouts.departure_seconds
            )
        )

    async def exists(self, name: str) -> bool:
        """True if LiveKit has the room."""
        return bool((await self._livekit.room.list_rooms(api.ListRoomsRequest(names=[name]))).rooms)

    async def look(self, name: str) -> RoomView:
        """The participants at this moment; none if there is no such room."""
        now_ms = time.time_ns() // 1_000_000
        people = await self._people(name)
        return RoomView(
            callers=tuple(_sighting(p, now_ms) for p in people if p.kind == ParticipantInfo.Kind.STANDARD),
            agent_identities=tuple(p.identity for p in people if p.kind == ParticipantInfo.Kind.AGENT),
        )

    async def _people(self, name: str) -> Sequence[ParticipantInfo]:
        return (await self._livekit.room.list_participants(api.ListParticipantsRequest(room=name))).participants

    async def clear_agents(self, name: str, *, before: int) -> None:
        """Remove what is left of generations below `before`: a dead one's track from the room."""
        for identity in await self._agents(name, before):
            await self.remove(name, identity)

    async def remove_unresponsive(self, name: str, *, before: int) -> None:
        """Probe generations below `before` through LiveKit, and remove those that do not answer."""
        for identity in await self._agents(name, before):
            if not await answers_probe(self._livekit, name, identity):
                await self.remove(name, identity)

    async def probed(self, name: str, view: RoomView) -> RoomView:
        """The view, with those of its agents that answer a probe."""
        answers = await asyncio.gather(*(answers_probe(self._livekit, name, each) for each in view.agent_identities))
        answering = (identity for identity, is_so in zip(view.agent_identities, answers, strict=True) if is_so)
        return view.model_copy(update={"answering_agents": tuple(answering)})

    async def _agents(self, name: str, before: int) -> list[str]:
        identities = (await self.look(name)).agent_identities
        return [identity for identity in identities if (agent_generation(identity) or before) < before]

    async def remove(self, name: str, identity: str) -> None:
        """Remove a participant; one that has left already counts as removed."""
        await _or_gone(self._livekit.room.remove_participant(api.RoomParticipantIdentity(room=name, identity=identity)))

    async def delete(self, name: str) -> bool:
        """Delete the room with its participants. True if it is gone.

        A client that reconnects in the very moment of the deletion makes LiveKit keep the room: then it must be deleted
        again.
        """
        await _or_gone(self._livekit.room.delete_room(api.DeleteRoomRequest(room=name)))
        return not await self.exists(name)


def _sighting(person: ParticipantInfo, now_ms: int) -> Presence:
    return Presence(
        participant_sid=person.sid,
        identity=person.identity,
        kind="joined",
        at_ms=now_ms,
        joined_at_ms=person.joined_at_ms or person.joined_at * 1000 or None,
        source="room",
    )


async def _or_gone(deletion: Awaitable[Any]) -> None:
    try:
        await deletion
    except api.TwirpError as error:
        if error.code != api.TwirpErrorCode.NOT_FOUND:
            raise
