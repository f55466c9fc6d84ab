"""Names that sessions, rooms and participants go by, made and read in one place. Pure."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

_SESSION_ID: Final = re.compile(r"session_[0-9]{10,}_[0-9a-z]{6,32}")


def new_session_id(now_seconds: int) -> str:
    """`session_<unix seconds>_<random>`: names the session, its workflow and its room."""
    return f"session_{now_seconds}_{secrets.token_hex(6)}"


def is_session_id(text: str) -> bool:
    """True if `text` has the form of a session id; webhooks about other rooms are ignored by it."""
    return _SESSION_ID.fullmatch(text) is not None


def session_id_of(digest: bytes) -> str:
    """`session_0000000000_<hex>`: the id of a session that is named after something instead of the time."""
    return f"session_0000000000_{digest[:16].hex()}"


def caller_identity(session_id: str) -> str:
    """The caller's LiveKit identity: LiveKit logs it, so it does not name the user."""
    return f"caller_{hashlib.sha256(session_id.encode()).hexdigest()[:12]}"


def named_caller_identity(user_name: str) -> str:
    """The caller's identity in webhooks of the reference's form. The prefix keeps it apart from every agent's."""
    return f"user_{user_name}"


def agent_identity(generation: int, job_id: str) -> str:
    """An agent's LiveKit identity, unique per job: with a fixed one a newcomer's join would close its predecessor."""
    return f"agent_{generation}_{job_id}"


def agent_generation(identity: str) -> int | None:
    """The generation in an agent's identity; None for anybody else's."""
    matched = re.fullmatch(r"agent_([0-9]{1,9})_.+", identity)
    return int(matched.group(1)) if matched else None


ARRIVED: Final = "arrived"
"""Participant attribute of an agent whose claim and first heartbeat were accepted; it does not come back from that."""
