"""One soak, from an empty stack to its count."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from livekit import api
from temporalio.client import Client, WorkflowHistory

from connections.livekit_client import livekit_api
from connections.temporal_client import connect
from lab.soak.agents import SimulatedAgents
from lab.soak.callers import Account, Callers
from lab.soak.count import Count, count
from lab.soak.plan import VICTIMS, Kill, Plan
from lab.soak.rest import Rest
from lab.soak.services import Service
from settings import SessionSettings, Settings
from stack.local_stack import LocalStack
from stack.processes import readiness
from stack.processes.orphans import MARK
from stack.processes.ports import free_ports
from stack.processes.waiting import wait_until

_TIMERS = SessionSettings(
    no_show_seconds=45,  # LiveKit tries a webhook for 15 s: a no-show that came sooner would not wait for late ones
    reconnect_grace_seconds=3,
    # The machine is busy: an agent that is slow is not lost, and an outage of both workers not the end.
    agent_heartbeat_timeout_seconds=5,
    agent_launch_limit_seconds=120,
    agent_max_losses_per_minute=20,
)
_AT_ONCE = 12
"""Sessions beyond this wait: a slow machine takes longer, and its soak shows the same."""
_READY_SECONDS = 180


@dataclass(frozen=True)
class Result:
    """What a soak showed."""

    plan: Plan
    found: Count
    kills: Counter[str]
    refused: Counter[str]
    agents_lost: int
    seconds: float


async def soak(plan: Plan, state_dir: Path, tell: Callable[[str], None]) -> Result:
    """Carry `plan` out on a stack of its own. Raises `SetupError` when it cannot start.

    Histories of sessions with a wrong result are left in the folder `wrong` of `state_dir`, beside the logs.
    """
    settings = replace(Settings(), session=_TIMERS)
    stack = LocalStack.isolated(state_dir, settings, ("temporal", "livekit"))
    tell("starting Temporal and LiveKit")
    await asyncio.to_thread(stack.start)
    try:
        async with _services(stack, tell) as (services, addresses):
            return await _run(plan, stack.settings, services, addresses, tell)
    finally:
        await asyncio.to_thread(stack.stop)


async def _run(
    plan: Plan, settings: Settings, services: Sequence[Service], addresses: Sequence[str], tell: Callable[[str], None]
) -> Result:
    temporal = await connect(settings.temporal)
    async with (
        livekit_api(settings.livekit) as livekit,
        Rest(addresses, settings.livekit) as rest,
        SimulatedAgents(settings, temporal, plan.scripts) as agents,
    ):
        began = time.monotonic()
        callers = Callers(rest, temporal, agents, at_once=_AT_ONCE)
        calls = [asyncio.create_task(callers.play(script, began)) for script in plan.scripts]
        killer = asyncio.create_task(_kill(plan.kills, services, began))
        while pending := [call for call in calls if not call.done()]:
            tell(f"{len(calls) - len(pending)} of {len(calls)} sessions have ended")
            await asyncio.wait(pending, timeout=1)
        seconds = time.monotonic() - began
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)
        tell("counting")
        found = await _count(calls, temporal, livekit)
        await _keep_histories(found.suspects, temporal, settings.stack.state_dir / "wrong")
    return Result(plan, found, Counter({s.name: s.kills for s in services}), rest.refused, agents.lost, seconds)


async def _count(calls: Sequence[asyncio.Task[Account]], temporal: Client, livekit: api.LiveKitAPI) -> Count:
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    accounts = [outcome for outcome in outcomes if isinstance(outcome, Account)]
    found = await count(accounts, temporal, livekit)
    found.wrong += [f"a caller failed: {outcome!r}" for outcome in outcomes if isinstance(outcome, BaseException)]
    return found


async def _keep_histories(session_ids: Iterable[str], temporal: Client, folder: Path) -> None:
    histories = [await temporal.get_workflow_handle(session_id).fetch_history() for session_id in session_ids]
    await asyncio.to_thread(_write, histories, folder)


def _write(histories: Sequence[WorkflowHistory], folder: Path) -> None:
    for history in histories:
        folder.mkdir(exist_ok=True)
        (folder / f"{history.workflow_id}.json").write_text(history.to_json())


async def _kill(kills: Sequence[Kill], services: Sequence[Service], began: float) -> None:
    """Each kill waits until the victim and its twin serve: a machine that starts them slowly is not out of service."""
    by_name = {service.name: service for service in services}
    for kill in kills:
        await asyncio.sleep(max(0.0, began + kill.at - time.monotonic()))
        victim = by_name[kill.victim]
        pair = [service for service in services if service.module == victim.module]
        while not all(service.serves for service in pair):  # noqa: ASYNC110  only their logs tell
            await asyncio.sleep(0.2)
        victim.kill()


@asynccontextmanager
async def _services(stack: LocalStack, tell: Callable[[str], None]) -> AsyncIterator[tuple[list[Service], list[str]]]:
    """Two workers and two APIs. LiveKit's webhooks go to the first API alone, so its deaths delay them."""
    ports = [stack.settings.api.port, *free_ports(1)]
    environment = {**os.environ, **stack.environment, MARK: str(stack.state_dir)}
    services = [
        Service(
            name,
            module := name.split("_")[0],
            environment | ({"API_PORT": str(ports[index % 2])} if module == "api" else {}),
            stack.log_path(name),
        )
        for index, name in enumerate(VICTIMS)
    ]
    for service in services:
        service.start()
    addresses = [f"http://127.0.0.1:{port}" for port in ports]
    try:
        tell("starting two workers and two APIs")
        for address in addresses:
            ready = partial(readiness.api, f"{address}/health")
            await asyncio.to_thread(wait_until, ready, _READY_SECONDS, f"the API at {address}")
        yield services, addresses
    finally:
        await asyncio.gather(*(service.stop() for service in services))
