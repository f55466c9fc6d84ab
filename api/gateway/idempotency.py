"""`Idempotency-Key`: which session a key stands for, and which request it was first used with.

Every API process must come to the same answer by itself, so both are keyed hashes. Their secret is derived from
LiveKit's API secret, which all of them have; without it nobody can tell a session's id or its request from a key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Request
from pydantic import BaseModel

from api.errors import InvalidInput
from contracts.identities import session_id_of

HEADER: Final = "Idempotency-Key"
_LONGEST: Final = 255

HEADER_SCHEMA: Final[dict[str, Any]] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Your own name for this start. Repeated, it gives the same session and a join token that works.",
    "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": "^[!-~]+$"},
}
"""OpenAPI's description of the header."""


def read_key(request: Request) -> str | None:
    """The request's key, None without one. Raises `InvalidInput`."""
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    key = given[0]
    if len(given) > 1 or not 1 <= len(key) <= _LONGEST or not all("!" <= character <= "~" for character in key):
        raise InvalidInput(f"{HEADER}: must be given once, with 1 to {_LONGEST} visible ASCII characters")
    return key


class KeyedStarts:
    """What follows from a key, for one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = HKDF(SHA256(), length=32, salt=None, info=b"idempotency key").derive(secret.encode())

    def session_id(self, owner: str, key: str) -> str:
        """The id of the session that `owner` starts under `key`."""
        return session_id_of(self._hash("session", owner, key))

    def fingerprint(self, session_id: str, wanted: BaseModel) -> str:
        """A mark of the request, equal for equal ones: fields that were left out count as such, in whatever order."""
        body = json.dumps(wanted.model_dump(mode="json", exclude_unset=True), sort_keys=True)
        return self._hash("request", session_id, body).hex()

    def _hash(self, *parts: str) -> bytes:
        return hmac.digest(self._secret, json.dumps(parts).encode(), hashlib.sha256)
