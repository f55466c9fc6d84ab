"""Rules for every test: only loopback on the network, no settings from the developer's `.env`."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from settings import Settings
from stack.env_vars import variables

_ROOT = Path(__file__).parent.parent

# No deadlines, because machines may be busy; derandomized, so that a failure is the same on every machine.
hypothesis_settings.register_profile(
    "shared", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile("seeded", hypothesis_settings.get_profile("shared"), derandomize=False)


def pytest_configure(config: pytest.Config) -> None:
    """Draw the same cases in each run, and others for each `--hypothesis-seed`."""
    hypothesis_settings.load_profile("shared" if config.getoption("hypothesis_seed") is None else "seeded")


def _is_local(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _require_local(host: object) -> None:
    if not _is_local(host):
        # Not an OSError: code that handles network failures must not swallow it.
        pytest.fail(f"A test tried to reach {host!r}. Tests may use loopback and unix sockets only.")


@pytest.fixture(autouse=True)
def no_network_but_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guard Python's sockets and look-ups; native code (Temporal's and LiveKit's clients) gets loopback addresses."""

    def guarded(name: str) -> Any:
        real = getattr(socket.socket, name)

        def call(self: socket.socket, *args: Any) -> Any:
            address = args[-1]
            if self.family != socket.AF_UNIX:
                _require_local(address[0])
            return real(self, *args)

        return call

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *args: Any, **options: Any) -> Any:
        _require_local(host)
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture(scope="session")
def setting_names() -> list[str]:
    return [*variables(Settings()), "PORT"]


@pytest.fixture(autouse=True)
def default_settings(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    setting_names: list[str],
) -> None:
    """Settings are the defaults and those of the test. Slow tests find the developer's own servers."""
    if request.node.get_closest_marker("slow"):
        return
    for name in setting_names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path_factory.getbasetemp())  # `.env` is read from the working directory
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))  # children imported modules from there
