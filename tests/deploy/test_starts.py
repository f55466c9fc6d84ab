"""Runs the commands of docker-compose.yml on real servers, with the hosts and ports of this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from settings import Settings
from stack.processes.ports import free_ports
from stack.processes.waiting import wait_until
from stack.servers.find import resolve_servers

ROOT = Path(__file__).parents[2]
Services = dict[str, dict[str, Any]]
NAMES = (
    "temporal:7233",
    "livekit:7880",
    "api:8000",
    "agent:8081",
    "language-model:8091",
    "speech:8092",
    "tcp_port:7881",
    "udp:7882",
)

pytestmark = pytest.mark.slow


class Host:
    """This machine as the host of the compose file: addresses of services become loopback ports."""

    def __init__(self, services: Services, folder: Path, running: ExitStack) -> None:
        self._services = services
        self._folder = folder
        self._running = running
        self._ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
        self.binaries = resolve_servers(Settings().stack)

    def port(self, name: str) -> int:
        return self._ports[name]

    def here(self, text: str) -> str:
        """`text` with each service's address replaced, also where it is loopback with the default port."""
        for name, port in self._ports.items():
            default = name.split(":")[1]
            text = re.sub(rf"{name}\b|127\.0\.0\.1:{default}\b", f"127.0.0.1:{port}", text)
            text = re.sub(rf"^( *(?:\w+_)?port: ){default}$", rf"\g<1>{port}", text, flags=re.MULTILINE)
        return text

    def environment(self, service: str) -> dict[str, str]:
        given = self._services[service].get("environment", {})
        return {
            "PATH": f"{self.binaries.temporal.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self._folder / "no-home"),
            **{name: self.here(str(value or "")).replace("0.0.0.0", "127.0.0.1") for name, value in given.items()},  # noqa: S104
            # The default ports may be taken on this machine.
            "API_PORT": str(self.port("api:8000")),
            "AGENT_HEALTH_PORT": str(self.port("agent:8081")),
            "STACK_LLM_PORT": str(self.port("language-model:8091")),
            "STACK_SPEECH_PORT": str(self.port("speech:8092")),
        }

    def start(self, service: str, command: list[str], ready: Callable[[], str | None], seconds: float = 90) -> None:
        with (self._folder / f"{service}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                command, cwd=self._folder, env=self.environment(service), stdout=log, stderr=subprocess.STDOUT
            )
        self._running.callback(self._stop, process)

        def not_ready() -> str | None:
            assert process.poll() is None, (self._folder / f"{service}.log").read_text()
            return ready()

        wait_until(not_ready, seconds, service)

    def start_own(self, service: str, ready: Callable[[], str | None] | None = None) -> None:
        _, flag, module = self._services[service]["command"]
        self.start(service, [sys.executable, flag, module], ready or (lambda: self.unhealthy(service)))

    def unhealthy(self, service: str) -> str | None:
        """The result of the service's health check, run as Docker does."""
        _, *command = self._services[service]["healthcheck"]["test"]
        command = [sys.executable if word == "python" else self.here(word) for word in command]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return checked.stderr.strip().rpartition("\n")[2] or "failed" if checked.returncode else None

    def run_once(self, service: str) -> None:
        entrypoint, arguments = self._services[service]["entrypoint"], self._services[service]["command"]
        subprocess.run([*entrypoint, *arguments], env=self.environment(service), check=True, timeout=60)  # noqa: S603

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def host(services: Services, tmp_path: Path) -> Iterator[Host]:
    with ExitStack() as running:
        yield Host(services, tmp_path, running)


def test_whole_system_starts_and_serves_a_session(host: Host, filled_in: dict[str, str]) -> None:
    temporal, livekit = str(host.binaries.temporal), str(host.binaries.livekit)
    address = ["--ip", "127.0.0.1", "--port", str(host.port("temporal:7233")), "--headless"]
    health = [temporal, "operator", "cluster", "health", "--address", host.here("temporal:7233")]
    host.start(
        "temporal",
        [temporal, "server", "start-dev", *address],
        lambda: "no answer" if subprocess.run(health, capture_output=True, check=False).returncode else None,  # noqa: S603
    )
    host.run_once("search-attributes")
    host.start("livekit", [livekit, "--bind", "127.0.0.1"], lambda: _no_answer(f"http://{host.here('livekit:7880')}/"))
    for service in ("language-model", "speech", "api", "agent"):
        host.start_own(service)
    api = f"http://{host.here('api:8000')}"
    host.start_own("worker", lambda: _down(api))

    started = httpx.post(f"{api}/api/session/start", json={"userName": "john_doe"}).json()
    assert started["serverUrl"] == host.here(filled_in["LIVEKIT_PUBLIC_URL"])
    ended = httpx.post(f"{api}/api/session/end", json={"sessionId": started["sessionId"]}, timeout=15).json()
    assert ended["details"]["room_deleted"] is True
    assert ended["details"]["agent_stopped"] is True


def _no_answer(url: str) -> str | None:
    try:
        return None if httpx.get(url, timeout=2).is_success else "an error"
    except httpx.TransportError as error:
        return type(error).__name__


def _down(api: str) -> str | None:
    """The parts that `/health` reports as down."""
    return ", ".join(httpx.get(f"{api}/health", timeout=5).json()["down"]) or None
