"""A whole run: one stack, one call after the other, each judged at once; a wrong result stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from chaos.call import hold
from chaos.checks import wrong_results
from chaos.faults import Faults, Network
from chaos.plan import CallPlan, Strike
from chaos.record import CallRecord
from chaos.scripted_model import MODEL_NAME, ScriptedModel
from chaos.tcp_proxy import TcpProxy
from chaos.webhook_proxy import WebhookProxy
from chaos.world import World, world_of
from settings import Settings
from stack.local_stack import LocalStack

_AGENT_SERVERS = 2
_LOSSES_PER_MINUTE = 30
"""A crash loop ends a session after five losses in a minute; here one session is struck more often than that."""
_GRACE_SECONDS = 15.0
"""Reconnect grace: callers that hang up for good are waited for."""
_STANDS_WITHIN_SECONDS = 60.0


@dataclass(frozen=True)
class Verdict:
    """A call and what was wrong with it."""

    call: CallRecord
    wrong: list[str] = field(default_factory=list)


Tell = Callable[[CallPlan, Verdict | None, Strike | None], None]


async def run(plans: Sequence[CallPlan], seed: int, folder: Path, tell: Tell) -> list[Verdict]:
    """Hold every call of `plans`. `tell` hears of each fault when it strikes, and of each call when it is judged."""
    verdicts: list[Verdict] = []
    with ScriptedModel() as model, WebhookProxy(seed) as webhooks:
        async with TcpProxy() as agents, TcpProxy() as api:
            network = Network(agents, api, webhooks)
            while len(verdicts) < len(plans):
                async with _world(folder / str(len(verdicts)), model, network) as world:
                    await _hold_calls(plans, world, Faults(world, network), model, verdicts=verdicts, tell=tell)
    return verdicts


async def _hold_calls(
    plans: Sequence[CallPlan],
    world: World,
    faults: Faults,
    model: ScriptedModel,
    *,
    verdicts: list[Verdict],
    tell: Tell,
) -> None:
    """Go on with the calls until all are held, or until this stack cannot serve one any more."""
    for plan in plans[len(verdicts) :]:
        call = await hold(plan, world, faults, model, partial(tell, plan, None))
        verdict = Verdict(call, wrong_results(call))
        verdicts.append(verdict)
        tell(plan, verdict, None)
        if verdict.wrong and not await world.stands(_STANDS_WITHIN_SECONDS):
            return


@asynccontextmanager
async def _world(folder: Path, model: ScriptedModel, network: Network) -> AsyncIterator[World]:
    folder.mkdir()
    stack = LocalStack.isolated(folder, _settings(model))
    network.agents.target_port = network.api.target_port = stack.settings.stack.temporal_port
    network.webhooks.api_port = stack.settings.api.port
    try:
        await asyncio.to_thread(stack.start)
        async with world_of(stack) as world:
            yield world
    finally:
        await asyncio.to_thread(stack.stop)


def _settings(model: ScriptedModel) -> Settings:
    settings = Settings()
    return replace(
        settings,
        speech=settings.speech.model_copy(update={"llm_base_url": model.base_url, "llm_model": MODEL_NAME}),
        stack=settings.stack.model_copy(update={"agent_servers": _AGENT_SERVERS}),
        session=settings.session.model_copy(
            update={"agent_max_losses_per_minute": _LOSSES_PER_MINUTE, "reconnect_grace_seconds": _GRACE_SECONDS}
        ),
    )
