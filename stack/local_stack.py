"""`LocalStack`: the whole system, or some parts of it, as supervised processes; behind `make up`, tests and bench."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from errors import SetupError
from settings import Settings
from stack.addresses import on_free_ports, with_own_addresses
from stack.credentials import key_pair, with_encryption, write_private
from stack.env_vars import variables
from stack.playground import with_playground
from stack.processes.orphans import MARK, end_orphans, marked
from stack.processes.ports import require_free
from stack.processes.programs import PARTS, Program, names_of, parts_of, port_uses, programs
from stack.processes.proxies import NO_PROXIES, Proxies
from stack.processes.supervisord import Supervisord, supervisord_conf
from stack.processes.waiting import wait_until
from stack.progress import report
from stack.servers.config import livekit_yaml
from stack.servers.find import resolve_servers
from stack.state_lock import StateLock

_CRASHES = 3
_TAIL_LINES = 20


class LocalStack:
    """The parts of one stack and their state folder. Also a context manager: started on entry, stopped on exit.

    It takes the user's settings; `stack.settings` are those that its processes get, with the addresses and keys of this
    stack, and `stack.environment` is the same as variables. Every method raises `SetupError` with a text for the
    person who started it.
    """

    def __init__(
        self, settings: Settings, parts: Collection[str] = PARTS, *, quiet: bool = False, proxies: Proxies = NO_PROXIES
    ) -> None:
        self.state_dir = settings.stack.state_dir.resolve()
        self.parts = parts_of(settings, parts)
        self.names = names_of(settings, self.parts)
        self._report = (lambda _: None) if quiet else report
        self._given = settings
        self._proxies = proxies
        self._lock = StateLock(self.state_dir)
        self._supervisord: Supervisord | None = None
        self._programs: dict[str, Program] = {}

    @classmethod
    def isolated(
        cls,
        state_dir: Path,
        settings: Settings | None = None,
        parts: Collection[str] = PARTS,
        proxies: Proxies = NO_PROXIES,
    ) -> LocalStack:
        """A quiet stack on free ports with its own state folder, for tests and measurements."""
        return cls(on_free_ports(settings or Settings(), state_dir), parts, quiet=True, proxies=proxies)

    @property
    def settings(self) -> Settings:
        """The settings of the running stack."""
        livekit_keys = key_pair(self._given.livekit, self.state_dir)
        own = with_own_addresses(self._given, self.parts, self.state_dir, livekit_keys)
        return with_playground(with_encryption(own, self.state_dir))

    @property
    def environment(self) -> dict[str, str]:
        """`settings` as environment variables for other processes that work with this stack. Holds secrets."""
        return variables(self.settings)

    def start(self) -> None:
        """Start every part in order, each when the one before is ready. On failure nothing is left running."""
        self._lock.acquire()
        try:
            if marked(self.state_dir):
                self._report("An earlier stack was cut off; ending its remaining processes")
                end_orphans(self.state_dir, grace_seconds=10)
            servers = resolve_servers(self._given.stack, self.parts)
            require_free(port_uses(self._given, self.parts))
            (self.state_dir / "logs").mkdir(exist_ok=True)
            settings = self.settings
            key, secret = settings.livekit.api_key, settings.livekit.api_secret.get_secret_value()
            write_private(self.state_dir / "livekit.yaml", livekit_yaml(settings, key, secret, self._proxies.webhooks))
            ordered = [self._proxies.apply(part) for part in programs(settings, self.parts, self.state_dir, servers)]
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
        """Stop every part in reverse order, end supervisord and any orphans. Safe to call twice."""
        supervisord, self._supervisord = self._supervisord, None
        if supervisord:
            for name in reversed(self._programs):
                began = time.monotonic()
                with suppress(OSError):  # supervisord has exited: its children are ended below
                    supervisord.stop(name)
                    self._report(f"  {self._programs[name].title:<15} stopped  {time.monotonic() - began:.1f} s")
            with suppress(subprocess.TimeoutExpired):
                supervisord.close(timeout_seconds=15)
        if self._lock.held:
            orphans = end_orphans(self.state_dir)
            if orphans:
                self._report(f"  ended {len(orphans)} processes that outlived their part: {', '.join(orphans)}")
            self._lock.release()

    def start_part(self, name: str) -> None:
        """Start one part and wait until it is ready. Raises SetupError with the tail of its log on failure."""
        program, supervisord = self._programs[name], self._running()
        began = time.monotonic()
        supervisord.start(name)
        self.wait_ready(name)
        self._report(f"  {program.title:<15} ready    {time.monotonic() - began:.1f} s")

    def stop_part(self, name: str) -> None:
        """Stop one part and keep it down until `start_part`."""
        self._running().stop(name)

    def wait_ready(self, name: str) -> None:
        """Wait until a part is ready, also after it was killed and restarted."""
        program, supervisord = self._programs[name], self._running()
        pids: set[int] = set()

        def not_ready() -> str | None:
            info = supervisord.info(name)
            pids.add(info["pid"])
            if info["statename"] == "FATAL" or len(pids - {0}) >= _CRASHES:
                raise SetupError(f"{program.title} keeps exiting: {info['spawnerr'] or info['description']}")
            if info["statename"] not in ("STARTING", "RUNNING"):
                return f"it is {info['statename'].lower()}"
            return program.not_ready(self.log_path(name))

        try:
            wait_until(not_ready, program.ready_seconds, program.title)
        except SetupError as error:
            raise SetupError(f"{error}\nThe end of {self.log_path(name)}:\n{self._log_tail(name)}") from None

    def pid(self, name: str) -> int:
        """The process id of a part. Raises SetupError while it has none."""
        pid: int = self._running().info(name)["pid"]
        if not pid:
            raise SetupError(f"{name} is not running")
        return pid

    def log_path(self, name: str) -> Path:
        """The log file of a part, or of `supervisord`; rotated ones end in .1, .2, .3."""
        return self.state_dir / "logs" / f"{name}.log"

    @property
    def alive(self) -> bool:
        """True while the supervisor runs; its parts may still be restarting."""
        return self._supervisord is not None and self._supervisord.alive

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _running(self) -> Supervisord:
        if self._supervisord is None:
            raise SetupError("the stack is not running")
        return self._supervisord

    def _begin_log(self, name: str) -> None:
        """Keep the log of the previous run apart, so that this one covers this run alone."""
        log = self.log_path(name)
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        log.touch(mode=0o600)

    def _log_tail(self, name: str) -> str:
        lines = self.log_path(name).read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])
