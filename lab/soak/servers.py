"""The servers that the soak kills: two workers and two APIs beside a stack, under a supervisord of their own."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from functools import partial

from lab.soak.scripts import VICTIMS
from stack.local_stack import LocalStack
from stack.processes import readiness
from stack.processes.orphans import MARK
from stack.processes.ports import free_ports
from stack.processes.programs import Program
from stack.processes.supervisord import Supervisord, supervisord_conf
from stack.processes.waiting import wait_until

_READY_SECONDS = 180
_READY_LINES = {"worker": "serving task queue", "api": "Application startup complete"}
"""Each module logs this when it can serve."""


class Servers:
    """`stack` has Temporal and LiveKit. LiveKit sends webhooks to the first API only, so its kills delay them."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._folder = stack.state_dir / "servers"
        self._ready_before_kill: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        ports = (stack.settings.api.port, *free_ports(1))
        self.addresses = [f"http://127.0.0.1:{port}" for port in ports]
        self._programs = [
            Program(
                name,
                name,
                [sys.executable, "-m", _module(name)],
                lambda _: None,
                stop_seconds=20,
                environment={"API_PORT": str(ports[index % 2])},
            )
            for index, name in enumerate(VICTIMS)
        ]

    def start(self) -> None:
        """Start all and wait until the APIs are healthy. Raises `SetupError`."""
        (self._folder / "logs").mkdir(parents=True)
        (self._folder / "supervisord.conf").write_text(supervisord_conf(self._programs, self._folder))
        environment = {**os.environ, **self._stack.environment, MARK: str(self._stack.state_dir)}
        self._supervisord = Supervisord(self._folder, environment)
        for name in VICTIMS:
            self._supervisord.start(name)
        for address in self.addresses:
            wait_until(partial(readiness.api, f"{address}/health"), _READY_SECONDS, f"the API at {address}")

    def stop(self) -> None:
        """Stop all; processes that survive are ended with the stack."""
        self._supervisord.close(timeout_seconds=60)

    def kill(self, name: str) -> None:
        """Send SIGKILL; the supervisor starts the server again."""
        self._ready_before_kill[name] = self._ready_lines(name)
        os.kill(self._supervisord.info(name)["pid"], signal.SIGKILL)
        self.kills[name] += 1

    def pair_serves(self, name: str) -> bool:
        """True if this server and its twin have logged that they can serve since their last kill."""
        pair = [other for other in VICTIMS if _module(other) == _module(name)]
        return all(self._ready_lines(each) > self._ready_before_kill[each] for each in pair)

    def _ready_lines(self, name: str) -> int:
        log = self._folder / "logs" / f"{name}.log"
        return log.read_text(errors="replace").count(_READY_LINES[_module(name)]) if log.exists() else 0


def _module(name: str) -> str:
    return name.partition("_")[0]
