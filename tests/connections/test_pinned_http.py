"""Requests to customers' servers: allowed addresses, responses and certificates."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from connections.pinned_http import NotSent, PinnedClient, look_up
from connections.webhook_targets import Address, AllowedTargets, Target
from tests.fakes.certificates import Authority
from tests.fakes.webhook_receiver import HANG, HANG_UP, Receiver, receiving

LOOPBACK = ipaddress.ip_address("127.0.0.1")
OUTSIDE = ipaddress.ip_address("8.8.8.8")


class Resolver:
    """Returns one of `answers` for each call; the last one repeats."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = [[ipaddress.ip_address(address) for address in answer] for answer in answers]
        self.resolved: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.resolved.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def origin(receiver: Receiver, host: str = "hooks.example.com", scheme: str = "http") -> Target:
    """The receiver under a public name whose address may be private."""
    url = f"{scheme}://{host}:{receiver.port}"
    return AllowedTargets(url).check(f"{url}/hook?token=s3cret")


async def test_request_goes_to_the_checked_address(receiver: Receiver) -> None:
    resolver = Resolver(["127.0.0.1"], ["169.254.169.254"])
    answer = await PinnedClient(resolver).post(origin(receiver), {"a": "b"}, b"body")
    assert answer.status == 204
    assert resolver.resolved == ["hooks.example.com"]
    [(first, headers, body)] = receiver.requests
    assert (first, body) == ("POST /hook?token=s3cret HTTP/1.1", "body")
    assert headers["host"] == f"hooks.example.com:{receiver.port}"
    assert headers["a"] == "b"


async def test_name_that_now_resolves_to_an_internal_address_is_refused(receiver: Receiver) -> None:
    target = AllowedTargets("hooks.example.com").check("https://hooks.example.com/hook")
    with pytest.raises(NotSent, match="must not reach"):
        await PinnedClient(Resolver(["127.0.0.1"])).post(target, {}, b"")
    assert receiver.requests == []


@pytest.mark.parametrize("answer", [[], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1", "::1"], ["169.254.169.254"]])
async def test_one_internal_address_refuses_all(answer: list[str]) -> None:
    target = AllowedTargets("hooks.example.com").check("https://hooks.example.com/hook")
    with pytest.raises(NotSent, match="must not reach"):
        await PinnedClient(Resolver(answer)).post(target, {}, b"")


async def test_next_address_is_tried_when_one_refuses(receiver: Receiver) -> None:
    # Nothing listens at ::1 on this port, nor at the other end of the loopback network.
    answer = await PinnedClient(Resolver(["::1", "127.0.0.9", "127.0.0.1"])).post(origin(receiver), {}, b"")
    assert answer.status == 204
    assert len(receiver.requests) == 1


async def test_number_of_addresses_tried_is_limited(receiver: Receiver) -> None:
    answer = [f"127.0.1.{n}" for n in range(3)] + ["127.0.0.1"]
    with pytest.raises(NotSent, match="no connection"):
        await PinnedClient(Resolver(answer)).post(origin(receiver), {}, b"")
    assert receiver.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.always, receiver.headers = status, f"Location: {receiver.origin}/other\r\n"
    answer = await PinnedClient(Resolver(["127.0.0.1"])).post(origin(receiver), {}, b"")
    assert answer.status == status
    assert len(receiver.requests) == 1


async def test_endless_body_is_not_read(receiver: Receiver) -> None:
    receiver.headers = "Transfer-Encoding: chunked\r\nRetry-After: 7\r\nX: "  # a body that never comes
    receiver.always = 200
    answer = await PinnedClient(Resolver(["127.0.0.1"]), total_seconds=5).post(origin(receiver), {}, b"")
    assert (answer.status, answer.retry_after) == (200, "7")


@pytest.mark.parametrize(("failing", "message"), [(HANG, "no answer within 0.2 s"), (HANG_UP, "the request failed")])
async def test_failure_text_has_no_url(receiver: Receiver, failing: int, message: str) -> None:
    receiver.always = failing
    with pytest.raises(NotSent, match=message) as failed:
        await PinnedClient(Resolver(["127.0.0.1"]), total_seconds=0.2).post(origin(receiver), {}, b"")
    assert "s3cret" not in str(failed.value)
    assert "example" not in str(failed.value)


async def test_timeout_includes_the_resolver() -> None:
    async def hang(host: str, port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        return []

    target = AllowedTargets("hooks.example.com").check("https://hooks.example.com/hook")
    with pytest.raises(NotSent, match="no answer"):
        await PinnedClient(hang, total_seconds=0.1).post(target, {}, b"")


async def test_proxy_of_the_environment_is_ignored(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await PinnedClient(Resolver(["127.0.0.1"])).post(origin(receiver), {}, b"")
    assert len(receiver.requests) == 1


async def test_look_up_uses_the_system_resolver() -> None:
    assert LOOPBACK in await look_up("localhost", 80)
    assert await look_up("::1", 80) == [ipaddress.ip_address("::1")]


class TestTls:
    """The certificate is checked against the name, although the connection goes to the address."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path / "ca")

    @pytest.fixture
    async def secure(self, authority: Authority) -> AsyncIterator[Receiver]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate, key = authority.issue("hooks.example.com")
        context.load_cert_chain(certificate, key)
        async with receiving(context) as receiver:
            context.sni_callback = lambda _socket, name, _context: receiver.taken.append(f"sni {name}")
            yield receiver

    async def test_name_is_sent_and_checked(self, secure: Receiver, authority: Authority) -> None:
        client = PinnedClient(Resolver(["127.0.0.1"]), ssl.create_default_context(cafile=str(authority.file)))
        assert (await client.post(origin(secure, scheme="https"), {"webhook-id": "x:1"}, b"")).status == 204
        assert secure.taken[0] == "sni hooks.example.com"

    async def test_certificate_of_another_name_is_refused(self, secure: Receiver, authority: Authority) -> None:
        client = PinnedClient(Resolver(["127.0.0.1"]), ssl.create_default_context(cafile=str(authority.file)))
        with pytest.raises(NotSent, match="no connection"):
            await client.post(origin(secure, "other.example.com", "https"), {}, b"")
        assert secure.requests == []

    async def test_certificate_of_an_unknown_authority_is_refused(self, secure: Receiver) -> None:
        with pytest.raises(NotSent, match="no connection"):
            await PinnedClient(Resolver(["127.0.0.1"])).post(origin(secure, scheme="https"), {}, b"")
        assert secure.requests == []
