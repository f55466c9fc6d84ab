"""Allowed URLs and addresses of customer webhooks."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connections.webhook_targets import AllowedTargets, is_public
from errors import SetupError, WebhookTargetRefused

ALLOWED = AllowedTargets(
    "hooks.example.com, HOOKS.example.net:8443,*.Example.org, bücher.example, 203.0.113.7, 10.1.2.3, "
    "http://127.0.0.1:9000, https://10.1.2.3:8443/, http://[::1]:9000, http://localhost:9000, "
)

ACCEPTED = {
    "https://hooks.example.com": ("hooks.example.com", 443, False),
    "https://hooks.example.com:443/a/b?c=d": ("hooks.example.com", 443, False),
    "HTTPS://Hooks.Example.Com/x": ("hooks.example.com", 443, False),
    "https://hooks.example.net:8443/": ("hooks.example.net", 8443, False),
    "https://a.example.org/": ("a.example.org", 443, False),
    "https://a.b.example.org/": ("a.b.example.org", 443, False),
    "https://bücher.example/ü": ("xn--bcher-kva.example", 443, False),
    "https://xn--bcher-kva.example/": ("xn--bcher-kva.example", 443, False),
    "http://127.0.0.1:9000/hook": ("127.0.0.1", 9000, True),
    "https://10.1.2.3:8443/hook": ("10.1.2.3", 8443, True),
    "http://[::1]:9000/": ("::1", 9000, True),
    "http://[0:0:0:0:0:0:0:1]:9000/": ("::1", 9000, True),
    "http://localhost:9000/": ("localhost", 9000, True),
}

REFUSED = [
    # not on the list
    "https://example.com/",
    "https://example.org/",
    "https://nothooks.example.com/",
    "https://hooks.example.com.evil.test/",
    "https://evilexample.org/",
    "https://hooks.example.com:8443/",
    "https://hooks.example.net/",
    "http://127.0.0.1:9001/",
    "https://127.0.0.1:9000/",
    "http://localhost/",
    # no TLS, or another protocol
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "//hooks.example.com/",
    "hooks.example.com",
    "https:hooks.example.com",
    "https:///hooks.example.com",
    "https://",
    "",
    # user info that looks like a host
    "https://user@hooks.example.com/",
    "https://user:password@hooks.example.com/",
    "https://@hooks.example.com/",
    "https://hooks.example.com@evil.test/",
    "https://evil.test\\@hooks.example.com/",
    "https://hooks.example.com\\.evil.test/",
    # fragments, blanks and control characters
    "https://hooks.example.com/#fragment",
    "https://hooks.example.com/ x",
    "https://hooks.example.com/\r\nHost: evil.test",
    "https://hooks.example.com/\t",
    "https://hooks.example.com/\u2028",
    "https://hooks.example.com/\ud800",
    # ambiguous names
    "https://hooks.example.com./",
    "https://hooks.example.com%2e/",
    "https://.example.org/",
    "https://a..example.org/",
    "https://*.example.org/",
    "https://xn--/",
    "https://xn--a.example.org/",
    "https://-.example.org/",
    f"https://{'a' * 64}.example.org/",
    f"https://{'a.' * 130}example.org/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:65536/",
    "https://hooks.example.com:x/",
    # addresses in odd forms whose usual form is on the list
    "http://127.1:9000/",
    "http://0x7f.0.0.1:9000/",
    "http://0x7f000001:9000/",
    "http://2130706433:9000/",
    "http://0177.0.0.1:9000/",
    "http://127.0.0.01:9000/",
    "http://①②⑦.0.0.1:9000/",
    "http://[::1%25lo]:9000/",
    "http://[::1%lo]:9000/",
    "http://[::ffff:127.0.0.1]:9000/",
    "http://[::ffff:7f00:1]:9000/",
    "http://[v1.x]:9000/",
    # private or reserved, on the list as a host only
    "https://10.1.2.3/",
    "https://203.0.113.7/",
    # too long
    "https://hooks.example.com/" + "a" * 2_048,
]


@pytest.mark.parametrize("url", ACCEPTED)
def test_listed_urls_are_accepted(url: str) -> None:
    target = ALLOWED.check(url)
    assert (target.host, target.port, target.may_be_private) == ACCEPTED[url]


@pytest.mark.parametrize("url", REFUSED)
def test_other_urls_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(WebhookTargetRefused) as refused:
        ALLOWED.check(url)
    assert "example" not in str(refused.value)
    assert "evil" not in str(refused.value)


def test_webhooks_are_off_without_entries() -> None:
    for entries in ("", " ", ",, "):
        off = AllowedTargets(entries)
        assert not off
        with pytest.raises(WebhookTargetRefused, match="are off here: WEBHOOKS_ALLOWED_TARGETS"):
            off.check("https://hooks.example.com/")


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "*.com",
        "*.10.0.0.1",
        "a.*.example.com",
        "https://*.example.com",
        "example.com/hooks",
        "example.com?",
        "https://example.com/hooks",
        "https://user:hunter2@example.com",
        "ftp://example.com",
        "http://",
        "example .com",
        "127.1",
        "example.com.",
        "xn--.example.com",
    ],
)
def test_invalid_entry_is_named_by_its_position(entry: str) -> None:
    with pytest.raises(SetupError, match=r"^WEBHOOKS_ALLOWED_TARGETS: entry 2 ") as refused:
        AllowedTargets(f"example.com,{entry}")
    assert "hunter2" not in str(refused.value)


INTERNAL = [
    *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("::1", "fc00::1", "fd12:3456::1"),
]
RESERVED = [
    *("169.254.169.254", "169.254.0.1", "100.100.100.200", "0.1.2.3", "224.0.0.1", "255.255.255.255"),
    "0.0.0.0",  # noqa: S104  refused
    *("240.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"),
    *("::", "fe80::1", "febf::1", "fec0::1", "ff02::1", "fd00:ec2::254", "100::1", "5f00::1", "2001:db8::1", "3fff::1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:0:7f00:1::"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450::1"]


@pytest.mark.parametrize("text", [*INTERNAL, *RESERVED, *PUBLIC])
def test_host_admits_public_addresses_and_origin_private_ones(text: str) -> None:
    address = ipaddress.ip_address(text)
    host = ALLOWED.check("https://hooks.example.com/")
    origin = ALLOWED.check("http://localhost:9000/")
    assert host.admits(address) == (text in PUBLIC)
    assert origin.admits(address) == (text in PUBLIC or text in INTERNAL)


@given(st.ip_addresses(v=4))
def test_embedded_ipv4_address_is_never_public(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    for prefix in (0xFFFF << 32, 0, 0x64FF9B << 96, 0x64FF9B0001 << 80):  # mapped, compatible, NAT64 twice
        assert not is_public(ipaddress.IPv6Address(prefix | number))
    assert not is_public(ipaddress.IPv6Address(0x2002 << 112 | number << 80))  # 6to4
    assert not is_public(ipaddress.IPv6Address(0x20010000 << 96 | number ^ 0xFFFFFFFF))  # Teredo


@given(st.ip_addresses())
def test_public_addresses_have_no_special_purpose(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if is_public(address):
        assert not (address.is_private or address.is_loopback or address.is_link_local or address.is_multicast)
        assert not (address.is_unspecified or address.is_reserved)


_URLISH = st.text(st.sampled_from("htps:/@\\#?%[].0127xeamlcogk-*\u3002ü \n"), max_size=60)


@given(st.one_of(st.text(), _URLISH, _URLISH.map(lambda tail: f"https://hooks.example.com{tail}")))
@example("https://[")
@example("https://xn--\u00fc.example/")
def test_any_url_is_refused_or_goes_to_a_listed_target(text: str) -> None:
    try:
        target = ALLOWED.check(text)
    except WebhookTargetRefused:
        return
    assert (target.host, target.port) in {(host, port) for host, port, _ in ACCEPTED.values()} or (
        target.host.endswith(".example.org") and target.port == 443
    )
    assert target.url.raw_host.decode().lower() in (target.host, f"[{target.host}]")
    assert not target.url.userinfo
