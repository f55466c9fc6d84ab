"""Runs the calls of a plan one after the other on a stack and checks each; a wrong result does not stop the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from lab.chaos.call import Stage, hold_calls
from lab.chaos.call_plan import CallPlan, Fault
from lab.chaos.call_record import CallRecord
from lab.chaos.checks import wrong_results
from lab.chaos.faults import FaultInjector, Network
from lab.chaos.scripted_model import MODEL_NAME, ScriptedModel
from lab.chaos.tcp_proxy import TcpProxy
from lab.chaos.trace import write_trace
from lab.chaos.webhook_proxy import WebhookProxy
from lab.chaos.world import World, world_of
from settings import Settings
from stack.local_stack import LocalStack
from stack.processes.programs import names_of
from stack.processes.proxies import Proxies

_AGENT_SERVERS = 2
_LOSSES_PER_MINUTE = 30
"""Five failures in a minute end a session by default; chaos causes more."""
_GRACE_SECONDS = 15.0
"""Reconnect grace: each caller who hangs up for good is waited for this long."""
_SERVES_WITHIN_SECONDS = 60.0


@dataclass(frozen=True)
class Verdict:
    """A call and its wrong results."""

    call: CallRecord
    wrong: list[str] = field(default_factory=list)


class Progress(Protocol):
    """Called during a run."""

    def fault_injected(self, plan: CallPlan, fault: Fault) -> None:
        """Called before each fault."""

    def call_judged(self, verdict: Verdict) -> None:
        """Called after each call."""


@dataclass
class Suite:
    """Holds calls, each with others beside it, and checks all; logs and traces are kept in `folder`."""

    seed: int
    folder: Path
    beside: int
    progress: Progress
    verdicts: list[Verdict] = field(default_factory=list)

    async def run(self, plans: Sequence[CallPlan]) -> list[Verdict]:
        """Hold every call of `plans`. Raises `SetupError` when the stack does not start."""
        with ScriptedModel() as model, WebhookProxy(self.seed) as webhooks:
            async with TcpProxy() as agents, TcpProxy() as api:
                network = Network(agents, api, webhooks)
                held = 0
                while held < len(plans):
                    async with _world(self.folder / f"stack-{held}", model, network) as world:
                        stage = Stage(world, FaultInjector(world, network), model)
                        held += await self._hold(plans[held:], stage)
        return self.verdicts

    async def _hold(self, plans: Sequence[CallPlan], stage: Stage) -> int:
        """Hold calls until all are done or this stack cannot serve any more; returns how many plans were held."""
        for held, plan in enumerate(plans, 1):
            on_fault = partial(self.progress.fault_injected, plan)
            calls = await hold_calls(plan, self.beside, stage, on_fault)
            verdicts = [Verdict(call, wrong_results(call)) for call in calls]
            self.verdicts += verdicts
            for number, verdict in enumerate(verdicts):
                name = f"call-{plan.index}{f'-beside-{number}' if number else ''}.json"
                await asyncio.to_thread(write_trace, verdict.call, verdict.wrong, self.folder / name)
                self.progress.call_judged(verdict)
            has_wrong = any(verdict.wrong for verdict in verdicts)
            if has_wrong and not await stage.world.all_parts_serve(_SERVES_WITHIN_SECONDS):
                return held
        return len(plans)


@asynccontextmanager
async def _world(folder: Path, model: ScriptedModel, network: Network) -> AsyncIterator[World]:
    stack = _stack(folder, model, network)
    network.agents.target_port = network.api.target_port = stack.settings.stack.temporal_port
    network.webhooks.api_port = stack.settings.api.port
    try:
        await asyncio.to_thread(stack.start)
        async with world_of(stack) as world:
            yield world
    finally:
        await asyncio.to_thread(stack.stop)


def _stack(folder: Path, model: ScriptedModel, network: Network) -> LocalStack:
    folder.mkdir()
    settings = _settings(model)
    temporal = {"api": network.api.address} | dict.fromkeys(names_of(settings, ["agent"]), network.agents.address)
    return LocalStack.isolated(folder, settings, proxies=Proxies(temporal, network.webhooks.origin))


def _settings(model: ScriptedModel) -> Settings:
    settings = Settings()
    return replace(
        settings,
        speech=settings.speech.model_copy(update={"llm_base_url": model.base_url, "llm_model": MODEL_NAME}),
        stack=settings.stack.model_copy(update={"agent_servers": _AGENT_SERVERS}),
        session=settings.session.model_copy(
            update={
                "agent_max_losses_per_minute": _LOSSES_PER_MINUTE,
                "reconnect_grace_seconds": _GRACE_SECONDS,
                "silence_seconds": 0,  # an agent speaks only when the caller has spoken
            }
        ),
    )
