"""Who asks, how often they may, and whose sessions they see: in one place, before any route of `/api` runs.

Routes that are included with `guard(...)` are behind it; one with `{sessionId}` in its path answers the sessions of
its caller alone, and a stranger's exactly as one that never was.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader, HTTPBearer

from api.auth.api_keys import KeyFile
from api.auth.rate_limits import RateLimits
from api.gateway.session_reader import SessionReader
from api.schemas.query_params import read_session_id
from api.schemas.session_commands import errors
from errors import SessionNotFound
from settings import ApiSettings

_log = logging.getLogger(__name__)

_REFUSAL = "This needs a valid API key: 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."


@dataclass(frozen=True)
class Caller:
    """Who asks. `owner` is whose sessions they see: None where there are no keys, and everybody sees all."""

    who: str
    owner: str | None
    reader: SessionReader

    async def demand_own(self, session_id: str) -> None:
        """Raises `SessionNotFound` for sessions that are not this caller's, with the text of unknown ones."""
        if self.owner is not None and await self.reader.owner(session_id) != self.owner:
            raise SessionNotFound(f"Session {session_id} not found")


class Access:
    """Lets callers in. Raises `SetupError` for settings that cannot work."""

    def __init__(self, settings: ApiSettings, reader: SessionReader) -> None:
        self._keys = None if settings.keys_file is None else KeyFile(settings.keys_file)
        self._reader = reader
        self.rate_limits = RateLimits(settings)

    async def admit(self, request: Request) -> Caller:
        """The caller of `request`, counted. Raises `HTTPException` 401 and 429."""
        owner = None
        if self._keys is not None:
            key = _presented_key(request)
            owner = None if key is None else self._keys.owner_of(key)
        who = _address(request) if owner is None else f"owner {owner}"
        await self.rate_limits.count_request(who)
        if self._keys is not None and owner is None:
            raise HTTPException(401, _REFUSAL, {"WWW-Authenticate": "Bearer"})
        return Caller(who, owner, self._reader)


def _presented_key(request: Request) -> str | None:
    """The key in either header; None where there is none, or where they disagree. A Basic login is a proxy's."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    keys = set(request.headers.getlist("x-api-key"))
    if scheme.lower() == "bearer":
        keys.add(bearer.strip())
    return keys.pop() if len(keys) == 1 else None


def _address(request: Request) -> str:
    """The client's address, as uvicorn tells it: that of FORWARDED_ALLOW_IPS' proxies is replaced by their client's."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address {host}"
    if address.version == 4:
        return f"address {host}"
    # Whoever has one IPv6 address has its whole /64.
    return f"network {ipaddress.ip_network((address, 64), strict=False)}"


async def admit(request: Request) -> Caller:
    """The caller; of a route with a session in its path, one whose session that is."""
    access: Access = request.app.state.access
    caller = await access.admit(request)
    if "sessionId" in request.path_params:
        await caller.demand_own(read_session_id(request))
    return caller


CallerDep = Annotated[Caller, Depends(admit)]


async def count_start(request: Request, caller: CallerDep) -> None:
    """For the route that starts sessions: it has a limit of its own."""
    access: Access = request.app.state.access
    await access.rate_limits.count_start(caller.who)


def guard(settings: ApiSettings) -> dict[str, Any]:
    """What `include_router` needs to put a router behind all this, and OpenAPI to say so where it is switched on."""
    dependencies: Sequence[Dependency] = [Depends(admit)]
    answers: list[tuple[int, str]] = []
    if settings.keys_file is not None:
        # They describe: `admit` alone reads the headers, and refuses.
        bearer = HTTPBearer(auto_error=False, scheme_name="apiKey", description="An API key.")
        header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="apiKeyHeader", description="The same.")
        dependencies = [Depends(bearer), Depends(header), *dependencies]
        answers.append((401, _REFUSAL))
    if settings.rate_limit or settings.start_rate_limit:
        answers.append((429, "More than 10 requests per second; ask again in 1 s."))
    return {"dependencies": dependencies, "responses": errors(*answers)}


def warn_if_open(settings: ApiSettings) -> None:
    """Say in the log that whoever reaches the API may use it, where that may be more than this machine."""
    if settings.keys_file is None and not settings.on_loopback:
        _log.warning(
            "Anybody who reaches %s:%d may start, see and end every session: API_KEYS_FILE is not set.",
            settings.host,
            settings.port,
        )
