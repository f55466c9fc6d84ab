"""Configures supervisord, starts and stops it, and calls its XML-RPC (ADR 4)."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from errors import SetupError
from stack.processes.programs import Program
from stack.processes.waiting import wait_until

_SOCKET_PATH_LIMIT = 100  # sun_path holds 108 bytes on Linux, 104 on macOS; supervisor adds a suffix while binding
_CHECKOUT = Path(__file__).parents[2]


def socket_path(state_dir: Path) -> Path:
    """The socket of supervisord: in the state folder, or at a short path if that one is too long for a socket."""
    path = state_dir / "supervisor.sock"
    if len(str(path)) < _SOCKET_PATH_LIMIT - 12:
        return path
    private = Path(tempfile.gettempdir()) / f"voice-stack-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    return private / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.sock"


def supervisord_conf(programs: Iterable[Program], state_dir: Path) -> str:
    """The configuration of supervisord. It holds no secret: processes inherit those from the environment."""
    logs = state_dir / "logs"
    sections = [
        "[supervisord]\nnodaemon = true\nsilent = true\n"
        f"logfile = {_escaped(logs / 'supervisord.log')}\nlogfile_maxbytes = 5MB\nlogfile_backups = 1\n"
        f"pidfile = {_escaped(state_dir / 'supervisord.pid')}\n",
        f"[unix_http_server]\nfile = {_escaped(socket_path(state_dir))}\nchmod = 0700\n",
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n",
    ]
    # Priorities matter at shutdown: supervisord stops the highest first.
    sections += [_program_section(program, order, logs) for order, program in enumerate(programs, start=1)]
    return "\n".join(sections)


def _program_section(program: Program, order: int, logs: Path) -> str:
    return (
        f"[program:{program.name}]\n"
        f"command = {_escaped(shlex.join(program.command))}\n"
        f"directory = {_escaped(_CHECKOUT)}\n"
        f"priority = {order}\n"
        "autostart = false\nautorestart = true\nstartsecs = 1\nstartretries = 3\n"
        f"environment = {_environment(program.environment)}\n"
        f"stopsignal = {program.stop_signal}\nstopwaitsecs = {program.stop_seconds}\n"
        f"stopasgroup = {str(program.stop_as_group).lower()}\nkillasgroup = true\n"
        f"redirect_stderr = true\nstdout_logfile = {_escaped(logs / f'{program.name}.log')}\n"
        "stdout_logfile_maxbytes = 20MB\nstdout_logfile_backups = 3\n"
    )


def _environment(variables: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in variables.items())


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


class Supervisord:
    """A running supervisord, in a session of its own so that Ctrl-C in a terminal reaches only its starter."""

    def __init__(self, state_dir: Path, environment: Mapping[str, str]) -> None:
        self._socket = socket_path(state_dir)
        stays_open, self._lifeline = os.pipe()
        arguments = [str(stays_open), str(state_dir / "supervisord.conf")]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stack.processes.supervised", *arguments],
                cwd=_CHECKOUT,
                env=dict(environment),
                pass_fds=(stays_open,),
                stdin=subprocess.DEVNULL,
                stdout=(state_dir / "logs" / "supervisord.out").open("wb"),
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        finally:
            os.close(stays_open)
        wait_until(self._not_answering, 20, "supervisord")

    @property
    def alive(self) -> bool:
        """True while supervisord itself runs."""
        return self._process.poll() is None

    def start(self, name: str) -> None:
        """Start a program; returns at once."""
        self._call().startProcess(name, False)

    def stop(self, name: str) -> None:
        """Stop a program and wait for its exit; do nothing if it is not running."""
        try:
            self._call().stopProcess(name, True)
        except Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise

    def info(self, name: str) -> dict[str, Any]:
        """The state of a program: `statename`, `pid` (0 while there is none), `spawnerr` and more."""
        found: dict[str, Any] = self._call().getProcessInfo(name)
        return found

    def close(self, timeout_seconds: float) -> None:
        """End supervisord, which stops running programs, last started first. Raises TimeoutExpired."""
        os.close(self._lifeline)
        self._process.wait(timeout_seconds)

    def _not_answering(self) -> str | None:
        if not self.alive:
            raise SetupError("supervisord exited at once; see logs/supervisord.out and logs/supervisord.log")
        try:
            self._call().getState()
        except OSError as error:
            return f"no answer ({type(error).__name__})"
        return None

    def _call(self) -> Any:
        # One connection for each call: cheap, and a broken one cannot affect the next call.
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return ServerProxy("http://127.0.0.1", transport=transport).supervisor
