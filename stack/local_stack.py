"""`LocalStack`: the whole system, or some parts of it, as supervised processes; behind `make up`, tests and bench."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import SecretStr

from errors import SetupError
from settings import Settings
from stack.credentials import key_pair, with_encryption, write_private
from stack.env_vars import variables
from stack.playground import with_playground
from stack.processes.detours import STRAIGHT, Detours
from stack.processes.orphans import MARK, marked, sweep
from stack.processes.ports import free_ports, free_run, require_free
from stack.processes.programs import (
    PARTS,
    Program,
    agent_health_url,
    names_of,
    parts_of,
    port_uses,
    programs,
    uses_own_language_model,
)
from stack.processes.supervisord import Supervisord, supervisord_conf
from stack.processes.waiting import wait_until
from stack.progress import say
from stack.servers.config import livekit_yaml
from stack.servers.find import resolve_servers

_CRASHES = 3
_TAIL_LINES = 20


class LocalStack:
    """The parts of one stack and their state folder. Also a context manager: started on entry, stopped on exit.

    `settings` are the user's; `stack.settings` are those the processes really get, with addresses and LiveKit's keys
    pointing at this stack, and `stack.environment` is the same as variables. Everything raises `SetupError` with a
    text for the person who started it.
    """

    def __init__(
        self, settings: Settings, parts: Collection[str] = PARTS, *, quiet: bool = False, detours: Detours = STRAIGHT
    ) -> None:
        self.state_dir = settings.stack.state_dir.resolve()
        self.parts = parts_of(settings, parts)
        self.names = names_of(settings, self.parts)
        self._say = (lambda _: None) if quiet else say
        self._given = settings
        self._detours = detours
        self._lock: IO[str] | None = None
        self._supervisord: Supervisord | None = None
        self._programs: dict[str, Program] = {}

    @classmethod
    def isolated(
        cls,
        state_dir: Path,
        settings: Settings | None = None,
        parts: Collection[str] = PARTS,
        detours: Detours = STRAIGHT,
    ) -> LocalStack:
        """A quiet stack on free ports with its own state folder, for tests and measurements."""
        given = settings or Settings()
        temporal, ui, livekit, udp, llm, api = free_ports(6)
        health = free_run(given.stack.agent_servers)
        stack = given.stack.model_copy(
            update={
                "state_dir": state_dir,
                "temporal_port": temporal,
                "temporal_ui_port": ui,
                "livekit_port": livekit,
                "livekit_udp_port": udp,
                "llm_port": llm,
            }
        )
        agent = given.agent.model_copy(update={"health_port": health})
        api_settings = given.api.model_copy(update={"port": api})
        # Nobody reads its metrics, and the stack of the same user may serve its own there.
        off = dict.fromkeys(("worker_metrics_port", "agent_metrics_port"), 0)
        telemetry = given.telemetry.model_copy(update=off)
        moved = replace(given, stack=stack, agent=agent, api=api_settings, telemetry=telemetry)
        return cls(moved, parts, quiet=True, detours=detours)

    @property
    def settings(self) -> Settings:
        """The settings of the running stack."""
        key, secret = key_pair(self._given.livekit, self.state_dir)
        pointed = _pointed_at_itself(self._given, self.parts, self.state_dir, key, secret)
        return with_playground(with_encryption(pointed, self.state_dir))

    @property
    def environment(self) -> dict[str, str]:
        """`settings` as environment variables: what another process needs to work with this stack. Holds secrets."""
        return variables(self.settings)

    def start(self) -> None:
        """Start every part in order, each when the one before can serve. On failure nothing is left running."""
        self._take_lock()
        try:
            servers = resolve_servers(self._given.stack, self.parts)
            require_free(port_uses(self._given, self.parts))
            (self.state_dir / "logs").mkdir(exist_ok=True)
            settings = self.settings
            key, secret = settings.livekit.api_key, settings.livekit.api_secret.get_secret_value()
            write_private(self.state_dir / "livekit.yaml", livekit_yaml(settings, key, secret, self._detours.webhooks))
            ordered = [self._detours.of(part) for part in programs(settings, self.parts, self.state_dir, servers)]
            self._programs = {program.name: program for program in ordered}
            write_private(self.state_dir / "supervisord.conf", supervisord_conf(ordered, self.state_dir))
            for name in self.names:
                self._begin_log(name)
            environment = {**os.environ, **variables(settings), "PYTHONUNBUFFERED": "1", MARK: str(self.state_dir)}
            self._supervisord = Supervisord(self.state_dir, environment)
            for program in ordered:
                self.start_part(program.name)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every part in reverse order, end supervisord, and sweep what survived. Safe to call twice."""
        supervisord, self._supervisord = self._supervisord, None
        if supervisord:
            for name in reversed(self._programs):
                began = time.monotonic()
                with suppress(OSError):  # supervisord is gone: the sweep below finds its children
                    supervisord.stop(name)
                    self._say(f"  {self._programs[name].title:<15} stopped  {time.monotonic() - began:.1f} s")
            with suppress(subprocess.TimeoutExpired):
                supervisord.close(timeout_seconds=15)
        if self._lock:
            left = sweep(self.state_dir)
            if left:
                self._say(f"  ended {len(left)} processes that outlived their part: {', '.join(left)}")
            self._lock.close()
            self._lock = None

    def start_part(self, name: str) -> None:
        """Start one part and wait until it can serve. Raises SetupError with the tail of its log when it cannot."""
        program, supervisord = self._programs[name], self._running()
        began = time.monotonic()
        supervisord.start(name)
        self.wait_ready(name)
        self._say(f"  {program.title:<15} ready    {time.monotonic() - began:.1f} s")

    def stop_part(self, name: str) -> None:
        """Stop one part and keep it down until `start_part`."""
        self._running().stop(name)

    def wait_ready(self, name: str) -> None:
        """Wait until a part can serve, also after it was killed and restarted."""
        program, supervisord = self._programs[name], self._running()
        pids: set[int] = set()

        def not_ready() -> str | None:
            info = supervisord.info(name)
            pids.add(info["pid"])
            if info["statename"] == "FATAL" or len(pids - {0}) >= _CRASHES:
                raise SetupError(f"{program.title} keeps ending: {info['spawnerr'] or info['description']}")
            if info["statename"] not in ("STARTING", "RUNNING"):
                return f"it is {info['statename'].lower()}"
            return program.not_ready(self.log_path(name))

        try:
            wait_until(not_ready, program.ready_seconds, program.title)
        except SetupError as error:
            raise SetupError(f"{error}\nThe end of {self.log_path(name)}:\n{self._log_tail(name)}") from None

    def pid(self, name: str) -> int:
        """The process id of a part, for `kill -9`. Raises SetupError while it has none."""
        pid: int = self._running().info(name)["pid"]
        if not pid:
            raise SetupError(f"{name} does not run")
        return pid

    def log_path(self, name: str) -> Path:
        """The log file of a part, and `supervisord` for the supervisor's own; rotated ones end in .1, .2, .3."""
        return self.state_dir / "logs" / f"{name}.log"

    @property
    def alive(self) -> bool:
        """Whether the supervisor runs; its parts may still be restarting."""
        return self._supervisord is not None and self._supervisord.alive

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _running(self) -> Supervisord:
        if self._supervisord is None:
            raise SetupError("the stack does not run")
        return self._supervisord

    def _take_lock(self) -> None:
        """One stack a state folder; the lock ends with this process, however that ends."""
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (self.state_dir / "stack.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise SetupError(
                f"a stack already runs here (process {lock.read().strip()}, state in {self.state_dir}); "
                "`make down` stops it"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        if marked(self.state_dir):
            self._say("An earlier stack was cut off; ending what is left of it")
            sweep(self.state_dir, grace_seconds=10)

    def _begin_log(self, name: str) -> None:
        """Keep the log of the run before as `.previous`, so that this one tells of this run alone."""
        log = self.log_path(name)
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        log.touch(mode=0o600)

    def _log_tail(self, name: str) -> str:
        return "\n".join(_last(self.log_path(name).read_text(errors="replace").splitlines(), _TAIL_LINES))


def _last(lines: Iterable[str], count: int) -> list[str]:
    return [f"    {line}" for line in list(lines)[-count:]]


def _pointed_at_itself(given: Settings, parts: Collection[str], state_dir: Path, key: str, secret: str) -> Settings:
    stack = given.stack
    livekit_url = f"ws://127.0.0.1:{stack.livekit_port}"
    health_url = agent_health_url(given.agent, 0) if "agent" in parts else ""
    speech = given.speech
    if uses_own_language_model(speech):
        speech = speech.model_copy(update={"llm_base_url": f"http://127.0.0.1:{stack.llm_port}/v1"})
    return replace(
        given,
        stack=stack.model_copy(update={"state_dir": state_dir}),
        temporal=given.temporal.model_copy(update={"address": f"127.0.0.1:{stack.temporal_port}", "tls": False}),
        livekit=given.livekit.model_copy(
            update={"url": livekit_url, "api_key": key, "api_secret": SecretStr(secret)},
        ),
        agent=given.agent.model_copy(update={"health_url": health_url}),
        speech=speech,
    )


def stop_running(state_dir: Path) -> str:
    """Stop the stack whose state is in `state_dir` from another process; gives what happened, for a person to read."""
    state_dir = state_dir.resolve()
    lock_file = state_dir / "stack.lock"
    if lock_file.exists():
        with lock_file.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.kill(int(lock.read()), signal.SIGTERM)
                fcntl.flock(lock, fcntl.LOCK_EX)  # released by the other process when everything is stopped
                return "The stack is stopped."
            left = sweep(state_dir)
        if left:
            return f"The stack had been cut off; ended what was left of it: {', '.join(left)}"
    return f"No stack runs from {state_dir}."
