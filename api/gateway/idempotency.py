"""Derives a session's id, and a fingerprint of the request, from an `Idempotency-Key`.

All API processes must derive the same, without shared state, so both are keyed hashes. The secret comes from LiveKit's
API secret, which they share; without it, a key reveals neither the session's id nor its request.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Annotated, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Header, Request
from pydantic import BaseModel, WithJsonSchema

from contracts.identities import session_id_of
from errors import InvalidInput

HEADER: Final = "Idempotency-Key"
_LONGEST: Final = 255

_Documented = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description="Your own name for this start. A repeated request gets the same session and a valid join token.",
    ),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": "^[!-~]+$"}),
]
"""For the OpenAPI document. `read_key` validates the header, since FastAPI would take the first of two."""


async def idempotency_key(request: Request, _header: _Documented = None) -> str | None:
    """Dependency: `read_key`."""
    return read_key(request)


def read_key(request: Request) -> str | None:
    """The request's key, or None without one. Raises `InvalidInput`."""
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    key = given[0]
    if len(given) > 1 or not 1 <= len(key) <= _LONGEST or not all("!" <= character <= "~" for character in key):
        raise InvalidInput(f"{HEADER}: must be given once, with 1 to {_LONGEST} visible ASCII characters")
    return key


class KeyedStarts:
    """Derives ids and fingerprints with one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = HKDF(SHA256(), length=32, salt=None, info=b"idempotency key").derive(secret.encode())

    def session_id(self, owner: str, key: str) -> str:
        """The id of the session that `owner` starts with `key`."""
        return session_id_of(self._hash("session", owner, key))

    def fingerprint(self, session_id: str, body: BaseModel) -> str:
        """A hash of the request, in any order of its fields. An explicit default differs from an omitted field."""
        text = json.dumps(body.model_dump(mode="json", exclude_unset=True), sort_keys=True)
        return self._hash("request", session_id, text).hex()

    def _hash(self, *parts: str) -> bytes:
        return hmac.digest(self._secret, json.dumps(parts).encode(), hashlib.sha256)
