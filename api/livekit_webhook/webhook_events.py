"""Reads LiveKit's webhook events as reports for a session. Lenient: an event that is not understood is ignored."""

from __future__ import annotations

from typing import Any, Literal

from api.livekit_webhook import legacy
from contracts.identities import is_session_id
from contracts.room import Presence, RoomFinished
from errors import WebhookRejected

_KINDS: dict[str, Literal["joined", "left"]] = {
    "participant_joined": "joined",
    "participant_left": "left",
    # Sent instead of participant_left when the connection was never complete (livekit/livekit#4227).
    "participant_connection_aborted": "left",
}

_MAX_AGE_MS = 300_000
_DELIVERY_MS = 250
"""Time for delivery, beyond the second that `createdAt` is rounded by."""


def event_name(event: dict[str, Any]) -> str:
    """The event's name, or an empty text."""
    return _text(event.get("event"))


def created_at_ms(event: dict[str, Any]) -> int | None:
    """The time at which LiveKit created the event, in whole seconds. None in the reference's form."""
    return _milliseconds(event, "createdAt", seconds=True)


def demand_recent(event: dict[str, Any], received_at_ms: int) -> None:
    """Raises `WebhookRejected` for an event that is replayed long after its creation.

    LiveKit drops what it could not deliver within a minute, and its signatures last five. Within that time an event may
    arrive repeatedly: LiveKit retries, and sessions ignore duplicates. The reference's form has no `createdAt` and
    passes at any age; `legacy.is_replayable` refuses the one event that would do harm.
    """
    created = created_at_ms(event)
    if created is not None and abs(received_at_ms - created) > _MAX_AGE_MS:
        raise WebhookRejected("The webhook's createdAt is more than five minutes away: check both clocks.")


def read_event(event: dict[str, Any], received_at_ms: int) -> tuple[str, Presence | RoomFinished] | None:
    """The session's id and the report for it, or None for an event that concerns no session."""
    name = event_name(event)
    session_id = _text(_part(event, "room").get("name"))
    if not is_session_id(session_id):
        return None
    if name == "room_finished":
        return session_id, RoomFinished(at_ms=received_at_ms)  # by our clock: the bill may end with it
    presence = _read_presence(name, event, received_at_ms)
    return (session_id, presence) if presence else None


def _read_presence(name: str, event: dict[str, Any], received_at_ms: int) -> Presence | None:
    participant = _part(event, "participant")
    sid = _text(participant.get("sid")) or _text(legacy.participant_sid(participant))
    identity = _text(participant.get("identity"))
    # Protobuf's JSON omits the default, STANDARD. Agents, recorders and phone lines have other kinds.
    is_caller = participant.get("kind", "STANDARD") == "STANDARD"
    if name not in _KINDS or not is_caller or not sid or not identity:
        return None
    joined_at_ms = _milliseconds(participant, "joinedAtMs") or _milliseconds(participant, "joinedAt", seconds=True)
    joined = _KINDS[name] == "joined"
    if joined and legacy.is_replayable(created_at_ms(event), joined_at_ms):
        return None
    happened_at_ms = _happened_at_ms(event, received_at_ms)
    return Presence(
        participant_sid=sid,
        identity=identity,
        kind=_KINDS[name],
        at_ms=joined_at_ms if joined and joined_at_ms else happened_at_ms,
        joined_at_ms=joined_at_ms or (happened_at_ms if joined else None),
        received_at_ms=received_at_ms,
        source="webhook",
    )


def _happened_at_ms(event: dict[str, Any], received_at_ms: int) -> int:
    """The receipt, if it is within the second that `createdAt` names plus delivery, else `createdAt`.

    `createdAt` is rounded down to seconds, and durations are billed by the second. A delayed or repeated webhook keeps
    `createdAt`, which never bills more than was used; so does one that a clock behind LiveKit's receives.
    """
    created = created_at_ms(event)
    if created is None or created <= received_at_ms <= created + 1000 + _DELIVERY_MS:
        return received_at_ms
    return created


def _part(value: dict[str, Any], name: str) -> dict[str, Any]:
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= 512 and value.isprintable() else ""


def _milliseconds(value: dict[str, Any], name: str, *, seconds: bool = False) -> int | None:
    """A Unix time; protobuf's JSON writes 64-bit integers as strings. None if it is missing, zero or absurd."""
    raw = value.get(name)
    text = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 13):
        return None
    return int(text) * (1000 if seconds else 1) or None
