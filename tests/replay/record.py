"""Records the histories that `test_replay.py` replays: `python -m tests.replay.record [name ...]`.

Name the new ones alone after an addition. Recording one again is for a change that is meant to alter its history;
running sessions of the old kind then need their own worker version until they have ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory

from contracts.agent import ProviderChanged
from contracts.customer_webhooks import delivery_id
from contracts.failures import JOB_PROCESS_ENDED
from contracts.limits import SessionLimits
from contracts.slots import slots_id
from contracts.statuses import AgentState
from tests.fakes.activities import FakeActivities
from tests.fakes.reports import reports
from tests.fakes.webhook_receiver import receiving
from tests.replay.deliveries import DELIVERED, TOLD, Delivery, sender_to
from tests.workflows.dev_server import dev_server
from tests.workflows.driver import Session
from worker import build_worker
from workflows.voice_session import VoiceSession

HISTORIES = Path(__file__).parent / "histories"
QUEUE = "recording"
LONG = 70
"""Events after which the recording server suggests to continue as new."""
LIMITS = SessionLimits(no_show_seconds=1, reconnect_grace_seconds=1, agent_max_losses_per_minute=2, idle_seconds=3)


async def conversation(session: Session) -> None:
    agent = await session.in_conversation()
    await agent.say("Hello!")
    await agent.say("What is the time?", role="caller")
    await session.end()


async def agent_lost(session: Session) -> None:
    first = await session.in_conversation()
    await first.say("Hello!")
    await first.crash()
    await session.agent()
    await session.until(AgentState.READY)
    await session.end()


async def crash_loop(session: Session) -> None:
    await session.start()
    for _ in range(2):
        await (await session.agent()).crash()


async def no_show(session: Session) -> None:
    await session.start()
    await session.agent()


async def caller_left(session: Session) -> None:
    await session.in_conversation()
    await session.leave()


async def cancelled(session: Session) -> None:
    await session.in_conversation()
    await session.handle.cancel()


async def join_token_failed(session: Session) -> None:
    session.scene.join_token_failures = 2
    await session.start()


async def drained(session: Session) -> None:
    """A newcomer that fails, one that takes over, and what its predecessor says too late."""
    first = await session.in_conversation()
    await first.drain()
    await (await session.agent(ready=False)).crash()
    third = await session.agent(ready=False)
    await third.claim()
    inherited = await first.say("Hello!")
    await third.ready(inherited)
    await first.say("Too late.")
    await first.leave("drained", handed_over=True)
    await session.until(AgentState.READY)
    await session.end()


async def stale_turn(session: Session) -> None:
    first = await session.in_conversation()
    await first.crash(kind=JOB_PROCESS_ENDED)
    second = await session.agent(ready=False)
    await first.say("This is still taken.")
    await second.claim()
    await second.ready()
    await first.say("This is refused.")
    await session.end()


async def handed_over(session: Session) -> None:
    first = await session.in_conversation()
    await first.leave("its server stops", handed_over=True)
    await session.agent()
    await session.until(AgentState.READY)
    await session.end()


async def continued(session: Session) -> None:
    """A caller who has left once, turns for the new run, whose agent serves on and is lost there."""
    first = await session.in_conversation()
    await session.leave()
    await session.join("PA_2")
    while not session.scene.adoptions.qsize():
        await first.say("And so on.")
        await session.view()  # one workflow task a turn
    await first.say("Still here.")
    await first.crash()
    second = await session.agent(ready=False)
    await second.claim()
    await second.ready()
    await first.say("Too late.")
    await session.end()


async def idle(session: Session) -> None:
    """Something is said while the silence's timer runs, which is put off without another one until it fires."""
    agent = await session.in_conversation()
    await agent.say("Hello!")


async def provider_failed(session: Session) -> None:
    await session.in_conversation()
    failed = ProviderChanged(generation=1, part="tts", provider="inworld/m", available=False, next_up="hibari/default")
    await session.handle.signal(VoiceSession.agent_reports, reports(failed))
    await session.handle.signal(VoiceSession.agent_reports, reports(failed.model_copy(update={"available": True})))
    await session.end()


async def limited(session: Session) -> None:
    """A session with a slot, and a first agent whose wait for a host has a bound."""
    limits = session.request.limits.model_copy(update={"agent_wait_seconds": 10})
    session.request = session.request.model_copy(update={"slots": slots_id(QUEUE), "limits": limits})
    await session.in_conversation()
    await session.end()


SCRIPTS: list[Callable[[Session], Awaitable[None]]] = [
    *(conversation, agent_lost, crash_loop, no_show, caller_left, cancelled, join_token_failed),
    *(drained, stale_turn, handed_over, continued, idle, provider_failed, limited),
]


def _anonymous(part: Any) -> Any:
    """Without stack traces: they name folders of this machine."""
    if isinstance(part, dict):
        return {key: _anonymous(value) for key, value in part.items() if key != "stackTrace"}
    return [_anonymous(each) for each in part] if isinstance(part, list) else part


async def _runs(client: Client, workflow_id: str) -> list[WorkflowHistory]:
    """The history of each run of a workflow that has ended, the first one first."""
    runs: list[WorkflowHistory] = []
    run_id: str | None = None
    while run_id != "":
        runs.insert(0, await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history())
        run_id = runs[0].events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return runs


async def _save(name: str, client: Client, workflow_id: str) -> None:
    for number, history in enumerate(await _runs(client, workflow_id), 1):
        text = json.dumps(_anonymous(history.to_json_dict()), indent=1) + "\n"
        (HISTORIES / f"{name if number == 1 else f'{name}_{number}'}.json").write_text(text)


async def main(names: list[str]) -> None:
    async with dev_server(f"limit.historyCount.suggestContinueAsNew={LONG}", identity="recorder") as env:
        client, fakes = env.client, FakeActivities(env.client)

        def wanted(script: Callable[..., Awaitable[None]]) -> bool:
            return not names or script.__name__ in names

        async with build_worker(client, fakes, QUEUE, fakes):
            for script in filter(wanted, SCRIPTS):
                session = Session(env, fakes, QUEUE, LIMITS)
                await script(session)
                await session.result()
                await _save(script.__name__, client, session.id)
            for told in filter(wanted, TOLD):
                async with receiving() as receiver:
                    session = Session(env, fakes, QUEUE, LIMITS)
                    session.request = session.request.model_copy(update={"webhook_url": f"{receiver.origin}/hook"})
                    session.scene.webhooks = sender_to(receiver)
                    await told(session, receiver)
                    await session.result()
                    await client.get_workflow_handle(delivery_id(session.id)).result()
                await _save(told.__name__, client, session.id)
                await _save(f"{told.__name__}_delivery", client, delivery_id(session.id))
            for delivered in filter(wanted, DELIVERED):
                async with receiving() as receiver:
                    delivery = Delivery(client, fakes, receiver, QUEUE)
                    await delivered(delivery)
                    await client.get_workflow_handle(delivery.id).result()
                await _save(delivered.__name__, client, delivery.id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
