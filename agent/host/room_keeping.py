"""Makes a room again that LiveKit has lost: its agent and its caller then come back to it by themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_fixed

from activities.rooms import LIVEKIT_ERRORS, Rooms
from agent.host.hosted_job import HostedJob
from contracts.limits import RoomTimeouts

logger = logging.getLogger("agent.host.room_keeping")

_RETRY_SECONDS = 0.2
_FIRST_LOOK_SECONDS = 0.3
"""An agent whose room was deleted at the session's end has left by then."""

T = TypeVar("T")


async def see_to_room(job: HostedJob, rooms: Rooms, timeouts: RoomTimeouts) -> None:
    """Keep the room while the session lives; delete it where no workflow is left to do so."""
    keeping = asyncio.create_task(keep_room(job, rooms, timeouts))
    try:
        await job.over.wait()
    finally:
        keeping.cancel()
    logger.warning("the session of %s is over, and its room is still there: it is deleted", job.generation)
    await until_livekit_answers(partial(rooms.delete, job.generation.session_id))


async def keep_room(job: HostedJob, rooms: Rooms, timeouts: RoomTimeouts) -> None:
    """Until cancelled: whenever the agent is outside its room, make sure that there is one to come back to.

    Servers run with `auto_create` off. Without this a restarted LiveKit would wait for a next agent to make the room.
    """
    name = job.generation.session_id
    while True:
        await job.outside.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(job.inside.wait(), _FIRST_LOOK_SECONDS)
            continue
        if await until_livekit_answers(partial(rooms.exists, name)) or not await job.is_wanted():
            continue
        await until_livekit_answers(partial(rooms.create, name, timeouts))
        logger.warning("LiveKit had lost the room of %s: it is made again", job.generation)
        if not await job.is_wanted():  # the session ended in this very moment, and has deleted its room
            await until_livekit_answers(partial(rooms.delete, name))


async def until_livekit_answers(call: Callable[[], Awaitable[T]]) -> T:
    """Call LiveKit until it answers."""

    def log(state: RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        logger.warning("LiveKit does not answer, trying again: %s", type(error).__name__)

    retry = retry_if_exception_type(LIVEKIT_ERRORS)
    return await AsyncRetrying(retry=retry, wait=wait_fixed(_RETRY_SECONDS), before_sleep=log)(call)
