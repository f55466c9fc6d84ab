"""Finds free ports, and checks that those of the parts are free."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from errors import SetupError

_BELOW_EPHEMERAL = range(20_000, 32_000)


@dataclass(frozen=True)
class PortUse:
    """One port that a part listens on, and the setting that moves it."""

    port: int
    owner: str
    setting: str
    udp: bool = False
    host: str = "127.0.0.1"


def require_free(uses: Iterable[PortUse]) -> None:
    """Raise SetupError that names each taken port, the part that needs it and the setting that moves it."""
    problems: list[str] = []
    seen: dict[tuple[int, bool], PortUse] = {}
    for use in uses:
        other = seen.setdefault((use.port, use.udp), use)
        if other is not use:
            problems.append(
                f"port {use.port} is set for both {other.owner} and {use.owner}; set {use.setting} to move it"
            )
        elif not _is_free(use):
            problems.append(
                f"port {use.port}{' (UDP)' if use.udp else ''} is taken; "
                f"{use.owner} needs it; set {use.setting} to move it"
            )
    if problems:
        raise SetupError("\n".join(problems))


def free_ports(count: int) -> list[int]:
    """`count` different loopback ports that are free for TCP and UDP now."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            tcp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
    return ports


def free_run(length: int) -> int:
    """The first of `length` adjacent loopback ports that are free for TCP now.

    They lie below the ephemeral range: an outgoing connection could take a port of that while its server restarts.
    """
    while True:
        first = _BELOW_EPHEMERAL.start + secrets.randbelow(len(_BELOW_EPHEMERAL) - length)
        if all(_is_free(PortUse(port, "", "")) for port in range(first, first + length)):
            return first


def _is_free(use: PortUse) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if use.udp else socket.SOCK_STREAM) as probe:
        if not use.udp:
            # As servers do: a connection that lingers from the last run does not hold the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((use.host, use.port))
        except OSError:
            return False
    return True
