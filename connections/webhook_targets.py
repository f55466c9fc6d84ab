"""Allowed targets of customer webhooks: an allowlist of names, and rules for their addresses. It resolves no names.

The API checks a URL when a session starts; a worker checks it and its resolved address before each request.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

import httpx

from errors import SetupError, WebhookTargetRefused

SETTING: Final = "WEBHOOKS_ALLOWED_TARGETS"
MAX_URL_LENGTH: Final = 2_048
_PORTS: Final = {"https": 443, "http": 80}
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_GLOBAL_V6: Final = ipaddress.ip_network("2000::/3")
_NEVER_PUBLIC: Final = tuple(
    ipaddress.ip_network(net)
    for net in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "2001:db8::/32", "3fff::/20")
)
"""Missing from Python's lists: special purposes, documentation, and ranges that embed any IPv4 address."""
_PRIVATE: Final = tuple(
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")
)
"""Loopback, private and shared addresses, which an origin may name. Never link-local ones."""
_METADATA: Final = frozenset(ipaddress.ip_address(a) for a in ("100.100.100.200", "fd00:ec2::254"))
"""Metadata services of clouds in those ranges; the well-known 169.254.169.254 is link-local."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Target:
    """An allowed URL. `host` is an ASCII name in lower case, or an address in its usual form."""

    url: httpx.URL
    host: str
    port: int
    may_be_private: bool

    def admits(self, address: Address) -> bool:
        """True if a request for this target may go to `address`."""
        if is_public(address):
            return True
        return self.may_be_private and _within(address, _PRIVATE) and address not in _METADATA


class AllowedTargets:
    """WEBHOOKS_ALLOWED_TARGETS, its entries separated by commas. Without entries customer webhooks are off.

    - `hooks.example.com`, `hooks.example.com:8443`, `*.example.com` (names below it, at any depth): https only, 443 by
      default, and never a private address.
    - `https://10.1.2.3:8443`, `http://127.0.0.1:9000`: exactly this origin, private or not.

    Raises `SetupError` for other entries.
    """

    def __init__(self, entries: str) -> None:
        self._origins: set[tuple[str, str, int]] = set()
        self._hosts: set[tuple[str, int]] = set()
        self._domains: set[tuple[str, int]] = set()
        for place, entry in enumerate(entries.split(","), start=1):
            if entry.strip():
                self._add(place, entry.strip())

    def __bool__(self) -> bool:
        return bool(self._origins or self._hosts or self._domains)

    def _add(self, place: int, entry: str) -> None:
        is_origin, is_domain = "://" in entry, entry.startswith("*.")
        try:
            url, host, port = _parse(entry if is_origin else f"https://{entry.removeprefix('*.')}")
            if url.path != "/" or url.query or entry.endswith("?"):
                raise WebhookTargetRefused("must have no path")
            if is_domain and (_address(host) or "." not in host):
                raise WebhookTargetRefused("must name a domain of at least two parts after *.")
        except WebhookTargetRefused as error:
            raise SetupError(
                f"{SETTING}: entry {place} {error}; entries are like hooks.example.com, *.example.com or "
                "http://127.0.0.1:9000, separated by commas."
            ) from None
        if is_origin:
            self._origins.add((url.scheme, host, port))
        else:
            (self._domains if is_domain else self._hosts).add((host, port))

    def check(self, text: str) -> Target:
        """The target of the URL `text`. Raises `WebhookTargetRefused`, whose text never repeats the URL."""
        if not self:
            raise WebhookTargetRefused(f"customer webhooks are off here: {SETTING} lists no host they may go to")
        url, host, port = _parse(text)
        if (url.scheme, host, port) in self._origins:
            return Target(url, host, port, may_be_private=True)
        if url.scheme != "https":
            raise WebhookTargetRefused(f"must be https: {SETTING} does not name this http origin")
        if not self._lists(host, port):
            raise WebhookTargetRefused(f"its host and port are not in {SETTING}")
        address = _address(host)
        if address is not None and not is_public(address):
            raise WebhookTargetRefused(f"is not a public address; {SETTING} must name it as an origin to allow that")
        return Target(url, host, port, may_be_private=False)

    def _lists(self, host: str, port: int) -> bool:
        if (host, port) in self._hosts:
            return True
        labels = host.split(".")
        return any((".".join(labels[i:]), port) in self._domains for i in range(1, len(labels)))


def is_public(address: Address) -> bool:
    """True if `address` is on the public internet and embeds no other address."""
    if address.is_multicast or address.is_reserved or not address.is_global or _within(address, _NEVER_PUBLIC):
        return False
    return address.version == 4 or address in _GLOBAL_V6


def _within(address: Address, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)


def _parse(text: str) -> tuple[httpx.URL, str, int]:
    """The URL, its host in the form used for comparison, and its port."""
    if len(text) > MAX_URL_LENGTH:
        raise WebhookTargetRefused(f"must have at most {MAX_URL_LENGTH:,} characters")
    if "\\" in text or any(character.isspace() or not character.isprintable() for character in text):
        raise WebhookTargetRefused("must not contain blanks, backslashes or control characters")
    try:
        # The parser of the HTTP client: a second one could read the URL differently and bypass the allowlist.
        url = httpx.URL(text)
        host = url.host  # decoded only here, where `xn--` fails
    except (httpx.InvalidURL, UnicodeError):
        raise WebhookTargetRefused("is not a URL") from None
    if url.scheme not in _PORTS or not host:
        raise WebhookTargetRefused("must be a URL that begins with https://")
    if url.userinfo or "@" in text.split("/")[2]:
        raise WebhookTargetRefused("must not contain a user or a password")
    if "#" in text:
        raise WebhookTargetRefused("must not contain a fragment")
    port = _PORTS[url.scheme] if url.port is None else url.port
    if not 1 <= port <= 65_535:
        raise WebhookTargetRefused("has an impossible port")
    return url, _host(url), port


def _host(url: httpx.URL) -> str:
    host = url.raw_host.decode("ascii").lower()
    if (address := _address(host)) is not None:
        return str(address)
    labels = host.split(".")
    # A resolver reads 127.1, 0x7f000001 and 2130706433 as addresses: the last part of a name is never a number.
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or _NUMBER.fullmatch(labels[-1]):
        raise WebhookTargetRefused("has a host that is neither a name nor an address in its usual form")
    return host


def _address(host: str) -> Address | None:
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None
