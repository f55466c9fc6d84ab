"""A workflow client that collects an agent's reports instead of sending them."""

from __future__ import annotations

import asyncio

from agent.workflow_link.workflow_client import WorkflowClient
from contracts.agent import Briefing, ProviderChanged
from contracts.room import Presence
from contracts.turns import Turn
from tests.fakes.briefings import briefing


class FakeWorkflowClient(WorkflowClient):
    """Accepts every claim with `briefing`. `turns` are the final ones."""

    def __init__(self, accepted: Briefing | None = None) -> None:
        self.briefing = accepted or briefing()
        self.turns: asyncio.Queue[Turn] = asyncio.Queue()
        self.presences: list[Presence] = []
        self.provider_changes: list[ProviderChanged] = []

    async def claim(self, identity: str) -> Briefing:
        return self.briefing

    def turn(self, turn: Turn) -> None:
        if turn.final:
            self.turns.put_nowait(turn)

    def presence(self, report: Presence) -> None:
        self.presences.append(report)

    def provider_changed(self, report: ProviderChanged) -> None:
        self.provider_changes.append(report)

    async def flush(self, timeout_seconds: float) -> bool:
        return True

    async def aclose(self) -> None:
        pass
