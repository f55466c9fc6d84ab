"""The faults themselves, each injected by process id or in the network between two parts."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import psutil

from errors import SetupError
from lab.chaos.phone import Phone
from lab.chaos.plan import SILENCES, Kind, Strike
from lab.chaos.record import Hit
from lab.chaos.tcp_proxy import TcpProxy
from lab.chaos.webhook_proxy import WebhookProxy
from lab.chaos.world import World

_AWAY_SECONDS = 2.0
"""How long a caller is away who hangs up and comes back."""


@dataclass(frozen=True)
class Network:
    """The places where the network can break."""

    agents: TcpProxy
    api: TcpProxy
    webhooks: WebhookProxy


class Faults:
    """Strikes, and mends what it broke: `mended` waits for that."""

    def __init__(self, world: World, network: Network) -> None:
        self._world, self._network = world, network
        self._mending: list[asyncio.Task[None]] = []
        self._deeds: dict[Kind, Callable[[Strike, Phone], Awaitable[float]]] = {
            Kind.JOB: self._kill_job,
            Kind.FREEZE: self._freeze_job,
            Kind.AGENT_SERVER: self._kill_agent_server,
            Kind.DRAIN: self._drain,
            Kind.WORKER: lambda _, __: self._kill("worker"),
            Kind.API: lambda _, __: self._kill("api"),
            Kind.LIVEKIT: lambda _, __: self._kill("livekit"),
            Kind.TEMPORAL: lambda _, __: self._kill("temporal"),
            Kind.TEMPORAL_AWAY: lambda strike, _: self._keep_away("temporal", strike.seconds),
            Kind.API_AWAY: self._api_away,
            Kind.AGENT_PARTITION: lambda strike, _: self._partition(self._network.agents, strike),
            Kind.API_PARTITION: lambda strike, _: self._partition(self._network.api, strike),
            Kind.WEBHOOKS: self._trouble_webhooks,
        }

    @property
    def broken(self) -> bool:
        """Whether something does not stand yet."""
        return any(not task.done() for task in self._mending)

    async def strike(self, strike: Strike, phone: Phone) -> Hit:
        """Do it; returns when it is done, not when it is mended. Raises `TimeoutError` when nobody serves the call."""
        victims = phone.agents if strike.kind in SILENCES and strike.kind is not Kind.LIVEKIT else ()
        return Hit(strike, await self._deeds[strike.kind](strike, phone), victims)

    def calm(self) -> None:
        """Let webhooks pass again; until then they are in trouble beyond the end of a call."""
        self._network.webhooks.trouble = None

    async def mended(self) -> None:
        """Wait until everything stands again. Raises `SetupError` or `TimeoutError` when a part does not come back."""
        tasks, self._mending = self._mending, []
        await asyncio.gather(*tasks)

    # Agents.

    async def _kill_job(self, _: Strike, __: Phone) -> float:
        job = (await self._world.serving())[1]
        job.kill()
        return monotonic()

    async def _freeze_job(self, strike: Strike, _: Phone) -> float:
        job = (await self._world.serving())[1]
        job.suspend()
        self._mend(_thaw(job, strike.seconds))
        return monotonic()

    async def _kill_agent_server(self, _: Strike, __: Phone) -> float:
        part = (await self._world.serving())[0]
        server, jobs = psutil.Process(self._world.stack.pid(part)), self._world.children(part)
        before = self._world.registrations(part)
        # Itself first: it must not live to report its children's end.
        for process in (server, *jobs):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        at = monotonic()
        self._mend(self._world.back(part, before))
        return at

    async def _drain(self, _: Strike, __: Phone) -> float:
        part = (await self._world.serving())[0]
        before = self._world.registrations(part)
        psutil.Process(self._world.stack.pid(part)).send_signal(signal.SIGTERM)
        at = monotonic()
        self._mend(self._world.back(part, before))
        return at

    # Servers.

    async def _kill(self, part: str) -> float:
        registrations = {agent: self._world.registrations(agent) for agent in self._world.agent_parts}
        pid = self._world.stack.pid(part)
        psutil.Process(pid).kill()
        at = monotonic()
        self._mend(self._world.replaced(part, pid))
        if part == "livekit":
            for agent, before in registrations.items():
                self._mend(self._world.back(agent, before))
        return at

    async def _keep_away(self, part: str, seconds: float) -> float:
        psutil.Process(self._world.stack.pid(part)).kill()
        at = monotonic()
        self._mend(self._start_later(part, seconds))
        return at

    async def _start_later(self, part: str, seconds: float) -> None:
        await asyncio.to_thread(self._hold_down, part)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._world.stack.start_part, part)

    def _hold_down(self, part: str) -> None:
        # Only what runs can be told to stay down: the supervisor starts it again first, for a moment.
        while True:
            with suppress(SetupError):
                self._world.stack.pid(part)
                return self._world.stack.stop_part(part)

    async def _api_away(self, strike: Strike, phone: Phone) -> float:
        at = await self._keep_away("api", strike.seconds)
        await self._leave_and_come_back(phone)
        return at

    # The network.

    async def _partition(self, proxy: TcpProxy, strike: Strike) -> float:
        if strike.black_hole:
            proxy.swallow()
        else:
            proxy.cut()
        self._mend(_heal(proxy, strike.seconds))
        return monotonic()

    async def _trouble_webhooks(self, strike: Strike, phone: Phone) -> float:
        self._network.webhooks.trouble = strike.trouble
        at = monotonic()
        await self._leave_and_come_back(phone)
        return at

    async def _leave_and_come_back(self, phone: Phone) -> None:
        await phone.hang_up()
        await asyncio.sleep(_AWAY_SECONDS)
        await phone.dial()

    # Mending.

    def _mend(self, work: Awaitable[None]) -> None:
        async def mend() -> None:
            await work

        self._mending.append(asyncio.create_task(mend()))


async def _thaw(job: psutil.Process, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        with suppress(psutil.NoSuchProcess):
            job.resume()


async def _heal(proxy: TcpProxy, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        proxy.heal()
