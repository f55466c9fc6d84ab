"""Writes list filters as visibility queries, and signs page tokens. Pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import datetime

from api.schemas.session_queries import SessionFilter
from api.schemas.timestamps import rfc3339, round_up
from connections.payload_encryption import KeyRing, user_values
from contracts.search_attributes import END_REASON, OWNER, RUNNING, STARTED_AT, STATE, USER
from contracts.statuses import SessionStatus
from errors import InvalidInput

_DIGEST_BYTES = 9


def visibility_query(wanted: SessionFilter, keys: KeyRing | None = None, owner: str | None = None) -> str:
    """A query for the sessions of `owner`, or of all, that match every filter; of each, only the latest run.

    With `keys`, user names are searched by their keyed hashes.
    """
    terms = ["WorkflowType = 'VoiceSession'", "ExecutionStatus != 'ContinuedAsNew'"]
    if owner is not None:
        terms.append(f"{OWNER.name} = {_quoted(owner)}")
    if wanted.state is SessionStatus.ENDED:
        # A terminated or failed workflow did not update its attribute.
        terms.append(f"({STATE.name} = {_quoted(wanted.state)} OR ExecutionStatus != 'Running')")
    elif wanted.state is not None:
        terms.append(f"{STATE.name} = {_quoted(wanted.state)} AND ExecutionStatus = 'Running'")
    if wanted.user is not None:
        marks = ", ".join(_quoted(value) for value in user_values(keys, wanted.user))
        terms.append(f"{USER.name} IN ({marks})")
    if wanted.endReason is not None:
        terms.append(f"{END_REASON.name} = {_quoted(wanted.endReason)}")
    if wanted.startedAfter is not None:
        terms.append(f"{STARTED_AT.name} >= {_quoted(rfc3339(round_up(wanted.startedAfter)))}")
    if wanted.startedBefore is not None:
        terms.append(f"{STARTED_AT.name} < {_quoted(rfc3339(round_up(wanted.startedBefore)))}")
    return " AND ".join(terms)


def running_query(
    *, state: SessionStatus | None = None, owner: str | None = None, started_before: datetime | None = None
) -> str:
    """A query for the live sessions of `owner`, or of all, in this state, that began before then."""
    terms = [RUNNING]
    if state is not None:
        terms.append(f"{STATE.name} = {_quoted(state)}")
    if owner is not None:
        terms.append(f"{OWNER.name} = {_quoted(owner)}")
    if started_before is not None:
        terms.append(f"{STARTED_AT.name} < {_quoted(rfc3339(started_before))}")
    return " AND ".join(terms)


def _quoted(text: str) -> str:
    """A string literal of the query language: SQL's, with a backslash as escape."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def seal_page_token(token: bytes | None, query: str) -> str | None:
    """Temporal's page token as text for a URL, with a digest that detects damage and use with another query."""
    return None if token is None else base64.urlsafe_b64encode(_digest(token, query) + token).decode().rstrip("=")


def open_page_token(text: str | None, query: str) -> bytes | None:
    """Temporal's page token from that text. Raises `InvalidInput`."""
    if text is None:
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    digest, token = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if not token or digest != _digest(token, query):
        raise InvalidInput("pageToken: is damaged, or belongs to a list with other filters")
    return token


def _digest(token: bytes, query: str) -> bytes:
    return hashlib.sha256(query.encode() + b"\0" + token).digest()[:_DIGEST_BYTES]
