"""Rooms without a server: a test lets participants join, and they call each other by RPC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from livekit import rtc

from contracts.identities import ARRIVED

Handler = Callable[[rtc.RpcInvocationData], Awaitable[str]]


class FakeParticipant(rtc.RemoteParticipant):
    """A remote participant without a native handle."""

    def __init__(
        self,
        identity: str,
        sid: str = "",
        joined_at: datetime | None = None,
        attributes: dict[str, str] | None = None,
        tracks: Sequence[rtc.RemoteTrackPublication] = (),
    ) -> None:
        self._track_publications = {str(number): track for number, track in enumerate(tracks)}
        self._identity, self._sid, self._joined_at = identity, sid, joined_at
        self._attributes = {} if attributes is None else attributes

    identity = property(lambda self: self._identity)
    sid = property(lambda self: self._sid)
    joined_at = property(lambda self: self._joined_at)
    attributes = property(lambda self: self._attributes)


class FakeLocalParticipant(rtc.LocalParticipant):
    def __init__(self, identity: str, room: FakeRoom) -> None:
        self.own_identity = identity
        self.handlers: dict[str, Handler] = {}
        self._track_publications = {}
        self._room = room

    def register_rpc_method(self, method_name: str, handler: Handler) -> Handler:  # type: ignore[override]
        self.handlers[method_name] = handler
        return handler

    async def perform_rpc(
        self,
        *,
        destination_identity: str,
        method: str,
        payload: str,
        response_timeout: float | None = None,
        max_round_trip_latency: float | None = None,
    ) -> str:
        other = self._room.others.get(destination_identity)
        if other is None or method not in other.own.handlers:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.CONNECTION_TIMEOUT, "no acknowledgement")
        return await other.own.handlers[method](rtc.RpcInvocationData("1", self.own_identity, payload, 10))


class FakeRoom(rtc.Room):
    """One participant's side of a room. `meet` makes two of them see each other. Needs a running event loop."""

    name = "session_1234567890_abcdef"

    def __init__(self, identity: str, *others: FakeParticipant) -> None:
        super().__init__()
        self.own = FakeLocalParticipant(identity, self)
        self.attributes = {ARRIVED: "yes"}
        self.others: dict[str, FakeRoom] = {}
        self._there = {each.identity: each for each in others}

    @property
    def local_participant(self) -> rtc.LocalParticipant:
        return self.own

    @property
    def remote_participants(self) -> Mapping[str, rtc.RemoteParticipant]:
        met = {name: FakeParticipant(name, attributes=other.attributes) for name, other in self.others.items()}
        return self._there | met

    def meet(self, other: FakeRoom) -> None:
        for one, two in ((self, other), (other, self)):
            one.others[two.own.own_identity] = two
            one.emit("participant_connected", FakeParticipant(two.own.own_identity))
