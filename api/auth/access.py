"""Authenticates callers, counts their requests, and hides the sessions of other owners."""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass

from fastapi import HTTPException, Request

from api.auth.api_keys import KeyFile
from api.auth.rate_limits import RateLimits
from api.gateway.session_reader import SessionReader
from errors import SessionNotFound
from settings import ApiSettings

_log = logging.getLogger(__name__)

REFUSAL = "This needs a valid API key: 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."


@dataclass(frozen=True)
class Caller:
    """An authenticated caller. `owner` is None without API keys: then every caller sees all sessions."""

    who: str
    owner: str | None
    reader: SessionReader

    async def demand_own(self, session_id: str) -> None:
        """Raises `SessionNotFound` for another owner's session, exactly as for an unknown one."""
        if self.owner is not None and await self.reader.owner(session_id) != self.owner:
            raise SessionNotFound(session_id)


class Access:
    """Admits callers. Raises `SetupError` for a key file or rate limits that cannot be read."""

    def __init__(self, settings: ApiSettings, reader: SessionReader) -> None:
        self._keys = None if settings.keys_file is None else KeyFile(settings.keys_file)
        self._reader = reader
        self.rate_limits = RateLimits(settings)

    async def admit(self, request: Request) -> Caller:
        """Authenticate and count a request. Raises `HTTPException` 401 and 429."""
        owner = None
        if self._keys is not None:
            key = _presented_key(request)
            owner = None if key is None else self._keys.owner_of(key)
        who = _address(request) if owner is None else f"owner {owner}"
        await self.rate_limits.count_request(who)
        if self._keys is not None and owner is None:
            raise HTTPException(401, REFUSAL, {"WWW-Authenticate": "Bearer"})
        return Caller(who, owner, self._reader)


def _presented_key(request: Request) -> str | None:
    """The key in either header; None without one, or with two different ones. A Basic login belongs to a proxy."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    keys = set(request.headers.getlist("x-api-key"))
    if scheme.lower() == "bearer":
        keys.add(bearer.strip())
    return keys.pop() if len(keys) == 1 else None


def _address(request: Request) -> str:
    """The client's address. uvicorn has replaced that of a proxy in FORWARDED_ALLOW_IPS by its client's."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address {host}"
    if address.version == 4:
        return f"address {host}"
    # An IPv6 client usually has a whole /64.
    return f"network {ipaddress.ip_network((address, 64), strict=False)}"


def warn_if_open(settings: ApiSettings) -> None:
    """Log a warning when the API is reachable from other machines without API keys."""
    if settings.keys_file is None and not settings.on_loopback:
        _log.warning(
            "Anybody who reaches %s:%d may start, see and end every session: API_KEYS_FILE is not set.",
            settings.host,
            settings.port,
        )
