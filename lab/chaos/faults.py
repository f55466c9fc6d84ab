"""Injects faults: kills and stops by process id, and network failures between two parts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from time import monotonic

import psutil

from errors import SetupError
from lab.chaos.agent_faults import AgentFaults
from lab.chaos.call_plan import SILENCING, Fault, FaultKind
from lab.chaos.call_record import Injection
from lab.chaos.phone import Phone
from lab.chaos.tcp_proxy import TcpProxy
from lab.chaos.webhook_proxy import WebhookProxy
from lab.chaos.world import World
from lab.children import busy_processes

_GHOSTS = 20
_BUSY_PROCESSES = 8
_AWAY_SECONDS = 2.0
"""A caller who hangs up calls again after this time."""


@dataclass(frozen=True)
class Network:
    """The proxies in which the network can fail."""

    agents: TcpProxy
    api: TcpProxy
    webhooks: WebhookProxy


class FaultInjector(AgentFaults):
    """Injects faults of every kind and repairs them."""

    def __init__(self, world: World, network: Network) -> None:
        super().__init__(world)
        self._network = network
        self._methods: dict[FaultKind, Callable[[Fault, Phone], Awaitable[float]]] = {
            FaultKind.JOB: lambda _, phone: self.kill_job(phone.session_id),
            FaultKind.FREEZE: lambda fault, phone: self.freeze_job(phone.session_id, fault.seconds),
            FaultKind.HOST_FREEZE: lambda fault, phone: self.freeze_host(phone.session_id, fault.seconds),
            FaultKind.AGENT_SERVER: lambda _, phone: self.kill_agent_server(phone.session_id),
            FaultKind.DRAIN: lambda _, phone: self.drain(phone.session_id),
            FaultKind.SPEECH_SERVER: lambda _, __: self._kill("speech"),
            FaultKind.OVERLOAD: self._overload,
            FaultKind.GHOSTS: lambda _, __: self._haunt(),
            FaultKind.WORKER: lambda _, __: self._kill("worker"),
            FaultKind.API: lambda _, __: self._kill("api"),
            FaultKind.LIVEKIT: lambda _, __: self._kill("livekit"),
            FaultKind.TEMPORAL: lambda _, __: self._kill("temporal"),
            FaultKind.TEMPORAL_AWAY: lambda fault, _: self._keep_away("temporal", fault.seconds),
            FaultKind.API_AWAY: self._keep_api_away,
            FaultKind.AGENT_PARTITION: lambda fault, _: self._partition(self._network.agents, fault),
            FaultKind.API_PARTITION: lambda fault, _: self._partition(self._network.api, fault),
            FaultKind.WEBHOOKS: self._disturb_webhooks,
        }

    async def inject(self, fault: Fault, phone: Phone) -> Injection:
        """Inject `fault`; does not wait for its repair. Raises `TimeoutError` when no agent serves the call."""
        victims = phone.agents if fault.kind in SILENCING and fault.kind is not FaultKind.LIVEKIT else ()
        return Injection(fault, await self._methods[fault.kind](fault, phone), victims)

    def restore_webhooks(self) -> None:
        """Let webhooks pass again: a webhook fault lasts beyond the end of its call."""
        self._network.webhooks.fault = None

    async def _kill(self, part: str) -> float:
        pid = self._world.stack.pid(part)
        at = monotonic()
        psutil.Process(pid).kill()
        self._repair(self._world.replaced(part, pid))
        return at

    async def _keep_away(self, part: str, seconds: float) -> float:
        at = monotonic()
        psutil.Process(self._world.stack.pid(part)).kill()
        self._repair(self._start_later(part, seconds))
        return at

    async def _start_later(self, part: str, seconds: float) -> None:
        await asyncio.to_thread(self._stop, part)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._world.stack.start_part, part)

    def _stop(self, part: str) -> None:
        # supervisord stops only what runs, so wait until it has restarted the killed process.
        while True:
            with suppress(SetupError):
                self._world.stack.pid(part)
                return self._world.stack.stop_part(part)

    async def _keep_api_away(self, fault: Fault, phone: Phone) -> float:
        at = await self._keep_away("api", fault.seconds)
        await _call_again(phone)
        return at

    async def _partition(self, proxy: TcpProxy, fault: Fault) -> float:
        at = monotonic()
        if fault.black_hole:
            proxy.swallow()
        else:
            proxy.cut()
        self._repair(_heal(proxy, fault.seconds))
        return at

    async def _overload(self, fault: Fault, phone: Phone) -> float:
        """Let busy processes take the processors, and kill the job among them."""
        busy = ExitStack()
        busy.enter_context(busy_processes(_BUSY_PROCESSES, fault.seconds))
        self._repair(_close_later(busy, fault.seconds))
        return await self.kill_job(phone.session_id)

    async def _haunt(self) -> float:
        """Start sessions that nobody joins, and end them at once."""
        at, rest = monotonic(), self._world.rest

        async def ghost() -> None:
            await rest.end((await rest.start("ghost")).session_id)

        async def haunt() -> None:
            await asyncio.gather(*(ghost() for _ in range(_GHOSTS)))

        self._repair(haunt())
        return at

    async def _disturb_webhooks(self, fault: Fault, phone: Phone) -> float:
        at = monotonic()
        self._network.webhooks.fault = fault.webhook_fault
        await _call_again(phone)
        return at


async def _close_later(stack: ExitStack, seconds: float) -> None:
    with stack:
        await asyncio.sleep(seconds)


async def _call_again(phone: Phone) -> None:
    await phone.hang_up()
    await asyncio.sleep(_AWAY_SECONDS)
    await phone.dial()


async def _heal(proxy: TcpProxy, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        proxy.heal()
