"""Terminate in Temporal's UI, the last resort: no workflow is left, and neither agent nor room may stay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from livekit import api

from lab.caller import Caller

if TYPE_CHECKING:
    from lab.chaos.world import World

pytestmark = pytest.mark.slow

GONE_WITHIN = 6.0
"""Seconds: a heartbeat comes every two, and then the agent takes its leave."""


async def test_nothing_stays_of_a_terminated_session(world: World) -> None:
    started = await world.rest.start("abandoned", openingLine="Hello there.")
    async with Caller(started.server_url, started.token) as caller:
        await caller.hear()
        part, job = await world.serving(started.session_id)
        await world.session(started.session_id).terminate(reason="a test")
        async with asyncio.timeout(GONE_WITHIN):
            while await _rooms(world, started.session_id) or job in world.busy_jobs(part):  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def _rooms(world: World, session_id: str) -> int:
    return len((await world.livekit.room.list_rooms(api.ListRoomsRequest(names=[session_id]))).rooms)
