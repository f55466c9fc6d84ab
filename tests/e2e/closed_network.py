"""`python -m tests.e2e.closed_network <folder>`: one whole call in a network of its own, from which nothing can leave.

Run it under `unshare --net`. Loopback works as always; everything else goes to a wire whose other end this process
listens to, from outside of the processes that it watches. Prints what came as JSON: addresses, and names that were
looked up.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.caller import Caller, speech
from lab.chaos.world import world_of
from settings import Settings
from stack.local_stack import LocalStack

_GATEWAY = "10.255.0.2"
_WIRE = (
    "link set lo up",
    "link add inside type veth peer name outside",
    "addr add 10.255.0.1/24 dev inside",
    "link set inside up",
    "link set outside up",
    f"route add default via {_GATEWAY} dev inside",
    f"neigh add {_GATEWAY} lladdr 02:00:00:00:00:01 dev inside",
)
_IPV4, _ALL = 0x0800, 0x0003
_DNS_PORT = 53
_PROBE = "192.0.2.1"
"""An address for examples, to which this process itself sends something: the watch must see it."""


_PATIENCE = 60
"""Seconds for each sound: another stack may run beside this one."""


class Watch:
    """Every IPv4 packet that leaves the machine."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.bind(("outside", 0))
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            frame = self._socket.recv(65_535)
            if int.from_bytes(frame[12:14], "big") == _IPV4:
                self.seen.add(_described(frame[14:]))


def _described(packet: bytes) -> str:
    """The destination, and the name in a question to a resolver."""
    header = (packet[0] & 0x0F) * 4
    address, port = socket.inet_ntoa(packet[16:20]), int.from_bytes(packet[header + 2 : header + 4], "big")
    return f"name {_name(packet[header + 20 :])}" if port == _DNS_PORT else f"address {address}:{port}"


def _name(question: bytes) -> str:
    labels, at = [], 0
    while at < len(question) and (length := question[at]):
        labels.append(question[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    return ".".join(labels)


@contextmanager
def watched() -> Iterator[Watch]:
    """Lay the wire and watch it. Raises `RuntimeError` if the watch is blind."""
    for command in _WIRE:
        subprocess.run(("ip", *command.split()), check=True)  # noqa: S603, S607
    watch = Watch()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"probe", (_PROBE, 9))
    yield watch
    if f"address {_PROBE}:9" not in watch.seen:
        raise RuntimeError("the watch is blind")
    watch.seen.remove(f"address {_PROBE}:9")


async def call(stack: LocalStack) -> None:
    """A greeting, a question, an answer, an end."""
    async with world_of(stack) as world:
        started = await world.rest.start("secluded", openingLine="Hello there.")
        async with Caller(started.server_url, started.token) as caller:
            await caller.hear(_PATIENCE)
            spoken = await caller.say("What is the capital of France?")
            await caller.sound(after=spoken.last_sound_at, within=_PATIENCE)
            await world.rest.end(started.session_id)


def main(folder: Path) -> None:
    """Hold the call and print what left."""
    with watched() as watch:
        speech.warm_up()
        with LocalStack.isolated(folder, Settings()) as stack:
            asyncio.run(call(stack))
    sys.stdout.write(json.dumps(sorted(watch.seen)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
