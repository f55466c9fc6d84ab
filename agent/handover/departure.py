"""Decides when an agent leaves, and tells its host that it has left."""

from __future__ import annotations

import asyncio
from typing import Final

from agent.handover.protocol import HANDED_OVER, Incumbent
from agent.job_link.host_link import HostLink

_SERVER_STOPS: Final = "parent process shutdown"
"""livekit-agents' reason when an AgentServer closes its jobs."""


async def wait_until_replaced(host: HostLink, incumbent: Incumbent) -> str:
    """Wait until the host sends the agent away or a successor has taken over; return the reason."""
    sent_away = asyncio.create_task(host.wait_for_leave())
    dismissed = asyncio.create_task(incumbent.wait_for_dismissal())
    await asyncio.wait({sent_away, dismissed}, return_when=asyncio.FIRST_COMPLETED)
    return dismissed.result() if dismissed.done() else sent_away.result()


async def report_departure(host: HostLink, reason: str) -> None:
    """Tell the host, which delivers the last reports and completes the generation's activity."""
    await host.leave(reason, handed_over=reason in (HANDED_OVER, _SERVER_STOPS))
