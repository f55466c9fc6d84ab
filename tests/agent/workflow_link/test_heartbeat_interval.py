"""The heartbeat interval: Temporal's client does not throttle heartbeats by task token."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

from temporalio.client import Client

from agent.workflow_link.heartbeat import Heartbeat

TIMEOUT_SECONDS = 0.3
SDK_RETRIES_FOR = timedelta(seconds=10)


class CountingHandle:
    """Accepts every heartbeat and records its time."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.rpc_timeouts: set[timedelta] = set()
        self.enough = asyncio.Event()

    def get_async_activity_handle(self, *, task_token: bytes) -> CountingHandle:
        assert task_token
        return self

    async def heartbeat(self, *_: object, rpc_timeout: timedelta) -> None:
        self.at.append(asyncio.get_running_loop().time())
        self.rpc_timeouts.add(rpc_timeout)
        if len(self.at) == 5:
            self.enough.set()


async def test_heartbeats_are_a_third_of_the_timeout_apart_with_short_rpc_timeouts() -> None:
    handle = CountingHandle()
    beats = Heartbeat(
        cast("Client", handle), b"token", identity="agent_1_x", timeout_seconds=TIMEOUT_SECONDS, in_room=lambda: True
    )
    assert await beats.start() is None
    beating = asyncio.create_task(beats.run(lambda *, muted: None, alone_seconds=60))
    await asyncio.wait_for(handle.enough.wait(), 30)
    beating.cancel()
    pauses = [later - earlier for earlier, later in zip(handle.at, handle.at[1:], strict=False)]
    assert min(pauses) > 0.9 * TIMEOUT_SECONDS / 3
    assert all(each < SDK_RETRIES_FOR for each in handle.rpc_timeouts)
