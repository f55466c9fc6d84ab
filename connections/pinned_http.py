"""POSTs to customers' servers: resolves a name once, checks its addresses and connects to a checked one.

A name that is resolved for the check and again for the connection may change in between (DNS rebinding). So the request
goes to the address itself, and the name stays in the Host header, in TLS' server name and in the check of the
certificate. httpx's bare transport follows no redirect, uses no proxy of the environment, keeps no cookie and logs no
URL.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from connections.webhook_targets import Address, Target

_TOTAL_SECONDS: Final = 15.0
_CONNECT_SECONDS: Final = 5.0
_ADDRESSES_TRIED: Final = 3
_NO_KEEP_ALIVE: Final = httpx.Limits(max_keepalive_connections=0)

LookUp = Callable[[str, int], Awaitable[Sequence[Address]]]


class NotSent(Exception):
    """The request got no answer; the text gives the reason without the URL."""


@dataclass(frozen=True)
class Answer:
    """Status and Retry-After of a response. Its body is never read: it may be endless."""

    status: int
    retry_after: str


async def look_up(host: str, port: int) -> Sequence[Address]:
    """The addresses of `host` in the order of the system's resolver. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # An IPv6 address with a zone is link-local: without the zone it can be parsed, and is refused.
    return [ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]


class PinnedClient:
    """Sends each request over its own connection. `tls` replaces the public authorities."""

    def __init__(
        self, look_up: LookUp = look_up, tls: ssl.SSLContext | None = None, total_seconds: float = _TOTAL_SECONDS
    ) -> None:
        self._look_up = look_up
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._total_seconds = total_seconds

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send `body` to `target`. Raises `NotSent`, although the receiver may have got it."""
        try:
            async with asyncio.timeout(self._total_seconds):
                return await self._post_to_one_of(await self._addresses(target), target, headers, body)
        except TimeoutError:
            raise NotSent(f"no answer within {self._total_seconds:g} s") from None

    async def _addresses(self, target: Target) -> Sequence[Address]:
        try:
            addresses = await self._look_up(target.host, target.port)
        except (OSError, UnicodeError):
            raise NotSent("its name cannot be resolved") from None
        # All of them: a name with one internal address is an attack, or a mistake that could become one.
        if not addresses or not all(target.admits(address) for address in addresses):
            raise NotSent("its name resolves to an address that webhooks must not reach")
        return list(dict.fromkeys(addresses))[:_ADDRESSES_TRIED]

    async def _post_to_one_of(
        self, addresses: Sequence[Address], target: Target, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        failure = "unreachable"
        for address in addresses:
            try:
                return await self._post_to(address, target, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent: try the next address
                failure = type(error).__name__
            except (httpx.TransportError, httpx.InvalidURL) as error:
                raise NotSent(f"the request failed: {type(error).__name__}") from None
        raise NotSent(f"no connection: {failure}")

    async def _post_to(self, address: Address, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        request = httpx.Request(
            "POST",
            target.url.copy_with(host=str(address)),
            headers={"Host": target.url.netloc.decode("ascii"), **headers},
            content=body,
            extensions={
                "sni_hostname": target.host,
                "timeout": httpx.Timeout(self._total_seconds, connect=_CONNECT_SECONDS).as_dict(),
            },
        )
        async with httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=_NO_KEEP_ALIVE) as transport:
            response = await transport.handle_async_request(request)
            await response.aclose()
            return Answer(response.status_code, response.headers.get("Retry-After", ""))
