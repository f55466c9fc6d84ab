"""LiveKit's webhook events, as what they mean to a session. Lenient: what cannot be understood is none of ours."""

from __future__ import annotations

from typing import Any, Literal

from contracts.identities import is_session_id
from contracts.room import Presence, RoomFinished
from errors import WebhookRejected

_KINDS: dict[str, Literal["joined", "left"]] = {
    "participant_joined": "joined",
    "participant_left": "left",
    # Sent instead of participant_left when the connection was never fully made (livekit/livekit#4227).
    "participant_connection_aborted": "left",
}

_GOOD_FOR_MS = 300_000
_DELIVERY_MS = 250
"""What a webhook may take to arrive, beyond the second that `createdAt` leaves open."""


def event_name(event: dict[str, Any]) -> str:
    """The event's name, or an empty text where it has none."""
    return _text(event, "event")


def created_at_ms(event: dict[str, Any]) -> int | None:
    """When LiveKit made the event, in whole seconds; None in the reference's form, which does not say it."""
    return _milliseconds(event, "createdAt", seconds=True)


def demand_recent(event: dict[str, Any], received_at_ms: int) -> None:
    """Raises `WebhookRejected` for an event of another time: somebody has kept it and sends it again.

    LiveKit itself drops what it could not deliver within a minute, and signs nothing for longer than five. Within
    that, an event may come any number of times: LiveKit repeats those that got no answer, and sessions count them once.
    One that does not say when it was made (the reference's form) passes at any age, and must do no harm at any: see
    `_read_presence`.
    """
    created = created_at_ms(event)
    if created is not None and abs(received_at_ms - created) > _GOOD_FOR_MS:
        raise WebhookRejected("The webhook's createdAt is more than five minutes away: check both clocks.")


def read_event(event: dict[str, Any], received_at_ms: int) -> tuple[str, Presence | RoomFinished] | None:
    """The session that an event is about and what to tell it, or None when it does not concern a session."""
    name = event_name(event)
    session_id = _text(_part(event, "room"), "name")
    if not is_session_id(session_id):
        return None
    if name == "room_finished":
        return session_id, RoomFinished(at_ms=_happened_at_ms(event, received_at_ms))
    presence = _read_presence(name, event, received_at_ms)
    return (session_id, presence) if presence else None


def _read_presence(name: str, event: dict[str, Any], received_at_ms: int) -> Presence | None:
    participant = _part(event, "participant")
    sid = _text(participant, "sid") or _text(participant, "id")
    identity = _text(participant, "identity")
    # Protobuf's JSON leaves out the default, STANDARD; agents, recorders and phone lines say what they are.
    is_caller = participant.get("kind", "STANDARD") == "STANDARD"
    if name not in _KINDS or not is_caller or not sid or not identity:
        return None
    joined_at_ms = _milliseconds(participant, "joinedAtMs") or _milliseconds(participant, "joinedAt", seconds=True)
    joined = _KINDS[name] == "joined"
    if joined and joined_at_ms is None and created_at_ms(event) is None:
        # It would be dated by its receipt, so whoever sent it again later would bring back a caller who is gone. No
        # leave or end can be turned like that: a connection leaves once, its earliest leave stands, and the room is
        # asked before a session ends of it. The room is not asked when it finished, but then its session has ended.
        return None
    happened_at_ms = _happened_at_ms(event, received_at_ms)
    return Presence(
        participant_sid=sid,
        identity=identity,
        kind=_KINDS[name],
        at_ms=joined_at_ms if joined and joined_at_ms else happened_at_ms,
        joined_at_ms=joined_at_ms or (happened_at_ms if joined else None),
        source="webhook",
    )


def _happened_at_ms(event: dict[str, Any], received_at_ms: int) -> int:
    """When it happened. `createdAt` has whole seconds, rounded down, and durations are billed by the second: the
    moment of receipt is taken where it lies within the second that `createdAt` names (and a short delivery). A
    delayed or repeated webhook arrives later than that; then createdAt stands, which never bills more than was used.
    Without createdAt (the reference's form) the receipt is all there is. A clock behind LiveKit's yields createdAt.
    """
    created = created_at_ms(event)
    if created is None or created <= received_at_ms <= created + 1000 + _DELIVERY_MS:
        return received_at_ms
    return created


def _part(value: dict[str, Any], name: str) -> dict[str, Any]:
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) and len(text) <= 512 and text.isprintable() else ""


def _milliseconds(value: dict[str, Any], name: str, *, seconds: bool = False) -> int | None:
    """A Unix time; protobuf's JSON writes 64-bit integers as strings. None when missing, zero or no sensible time."""
    raw = value.get(name)
    text = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 13):
        return None
    return int(text) * (1000 if seconds else 1) or None
