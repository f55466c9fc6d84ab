"""Rooms whose participants call each other by RPC, without a server between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from livekit import rtc
from livekit.agents.utils import EventEmitter

from contracts.identities import ARRIVED

Handler = Callable[[Any], Awaitable[str]]


class FakeLocalParticipant:
    def __init__(self, identity: str, room: FakeRoom) -> None:
        self.identity = identity
        self.handlers: dict[str, Handler] = {}
        self.track_publications: dict[str, Any] = {}
        self._room = room

    def register_rpc_method(self, method: str, handler: Handler) -> None:
        self.handlers[method] = handler

    async def perform_rpc(self, *, destination_identity: str, method: str, payload: str, **_: float) -> str:
        other = self._room.others.get(destination_identity)
        if other is None or method not in other.local_participant.handlers:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.CONNECTION_TIMEOUT, "no sign of life")
        call = SimpleNamespace(caller_identity=self.identity, payload=payload)
        return await other.local_participant.handlers[method](call)


class FakeRoom(EventEmitter[str]):
    """One participant's side of a room. `meet` makes two of them see each other."""

    name = "session_1234567890_abcdef"

    def __init__(self, identity: str) -> None:
        super().__init__()
        self.others: dict[str, FakeRoom] = {}
        self.attributes: dict[str, str] = {ARRIVED: "yes"}
        self.local_participant = FakeLocalParticipant(identity, self)

    @property
    def remote_participants(self) -> dict[str, SimpleNamespace]:
        return {
            identity: SimpleNamespace(identity=identity, attributes=other.attributes)
            for identity, other in self.others.items()
        }

    def meet(self, other: FakeRoom) -> None:
        for one, two in ((self, other), (other, self)):
            identity = two.local_participant.identity
            one.others[identity] = two
            one.emit("participant_connected", SimpleNamespace(identity=identity))
