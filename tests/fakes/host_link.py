"""A job's link to its host that collects the agent's reports instead of sending them."""

from __future__ import annotations

import asyncio

from agent.job_link.host_link import HostLink
from contracts.agent import AgentReport, Briefing, ProviderChanged
from contracts.room import Presence
from contracts.turns import Turn
from tests.fakes.briefings import briefing


class FakeHostLink(HostLink):
    """Briefs with `briefing`. `turns` are the final ones; `sent_away` ends the job."""

    def __init__(self, accepted: Briefing | None = None) -> None:
        self.accepted = accepted or briefing()
        self.turns: asyncio.Queue[Turn] = asyncio.Queue()
        self.presences: list[Presence] = []
        self.provider_changes: list[ProviderChanged] = []
        self.sent_away: asyncio.Queue[str] = asyncio.Queue()
        self.departures: list[tuple[str, bool]] = []

    async def briefing(self) -> Briefing:
        return self.accepted

    def report(self, report: AgentReport) -> None:
        if report.turn and report.turn.final:
            self.turns.put_nowait(report.turn)
        if report.presence:
            self.presences.append(report.presence)
        if report.provider:
            self.provider_changes.append(report.provider)

    async def wait_for_leave(self) -> str:
        return await self.sent_away.get()

    async def leave(self, reason: str, *, handed_over: bool) -> None:
        self.departures.append((reason, handed_over))
