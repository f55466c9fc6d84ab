"""Runs one soak, from an empty stack to its count."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from livekit import api
from temporalio.client import Client, WorkflowHistory

from activities.rooms import Rooms
from connections.livekit_client import livekit_api
from connections.temporal_client import connect
from lab.rest_client import SessionClient
from lab.soak.agents import SimulatedAgents
from lab.soak.callers import Account, Callers
from lab.soak.count import Count, count
from lab.soak.scripts import Kill, Plan
from lab.soak.servers import Servers
from settings import SessionSettings, Settings
from stack.local_stack import LocalStack

_TIMERS = SessionSettings(
    no_show_seconds=45,  # LiveKit retries a webhook for 15 s; an earlier no-show would not wait for late ones
    reconnect_grace_seconds=3,
    # The machine is busy: a slow agent is no failure, and an outage of both workers not the end.
    agent_heartbeat_timeout_seconds=5,
    agent_launch_limit_seconds=120,
    agent_max_losses_per_minute=20,
)
_AT_ONCE = 12
"""More sessions wait: a slow machine takes longer, and its soak shows the same."""
_REST_TIMEOUT_SECONDS = 20.0
_REST_RETRY_SECONDS = 90.0


@dataclass(frozen=True)
class Result:
    """The result of a soak."""

    plan: Plan
    found: Count
    kills: Counter[str]
    rest_failures: Counter[str]
    agent_failures: int
    seconds: float


async def soak(plan: Plan, state_dir: Path, progress: Callable[[str], None]) -> Result:
    """Carry out `plan` on a stack of its own. Raises `SetupError` when the stack cannot start.

    Histories of sessions with a wrong result are left in the folder `wrong` of `state_dir`, beside the logs.
    """
    settings = replace(Settings(), session=_TIMERS)
    stack = LocalStack.isolated(state_dir, settings, ("temporal", "livekit"))
    progress("starting Temporal and LiveKit")
    await asyncio.to_thread(stack.start)
    try:
        async with _servers(stack, progress) as servers:
            return await _run(plan, stack.settings, servers, progress)
    finally:
        await asyncio.to_thread(stack.stop)


@asynccontextmanager
async def _servers(stack: LocalStack, progress: Callable[[str], None]) -> AsyncIterator[Servers]:
    progress("starting two workers and two APIs")
    servers = Servers(stack)
    await asyncio.to_thread(servers.start)
    try:
        yield servers
    finally:
        await asyncio.to_thread(servers.stop)


async def _run(plan: Plan, settings: Settings, servers: Servers, progress: Callable[[str], None]) -> Result:
    temporal = await connect(settings.temporal)
    async with (
        livekit_api(settings.livekit) as livekit,
        SessionClient(*servers.addresses, timeout=_REST_TIMEOUT_SECONDS, retry_seconds=_REST_RETRY_SECONDS) as rest,
        SimulatedAgents(settings, temporal, plan.scripts) as agents,
    ):
        began = time.monotonic()
        callers = Callers(rest, settings.livekit, Rooms(livekit), temporal, agents, at_once=_AT_ONCE)
        calls = [asyncio.create_task(callers.play(script, began)) for script in plan.scripts]
        killer = asyncio.create_task(_kill(plan.kills, servers, began))
        while pending := [call for call in calls if not call.done()]:
            progress(f"{len(calls) - len(pending)} of {len(calls)} sessions have ended")
            await asyncio.wait(pending, timeout=1)
        seconds = time.monotonic() - began
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)
        progress("counting")
        found = await _count(calls, temporal, livekit)
        await _keep_histories(found.suspects, temporal, settings.stack.state_dir / "wrong")
    return Result(plan, found, servers.kills, rest.failures, agents.failures, seconds)


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


async def _kill(kills: Sequence[Kill], servers: Servers, began: float) -> None:
    """Each kill waits until the victim and its twin serve, so a slow start on a busy machine is no outage."""
    for kill in kills:
        await asyncio.sleep(max(0.0, began + kill.at - time.monotonic()))
        while not await asyncio.to_thread(servers.pair_serves, kill.victim):  # noqa: ASYNC110  their logs are polled
            await asyncio.sleep(0.2)
        await asyncio.to_thread(servers.kill, kill.victim)
