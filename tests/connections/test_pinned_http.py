"""Requests to strangers: where they may lead, and what of the answer is taken."""

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
    """Answers as it is told, another way each time; the last answer stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = [[ipaddress.ip_address(address) for address in answer] for answer in answers]
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def origin(receiver: Receiver, host: str = "hooks.example.com", scheme: str = "http") -> Target:
    """The receiver under a name of the outside, which may be private."""
    url = f"{scheme}://{host}:{receiver.port}"
    return AllowedTargets(url).check(f"{url}/hook?token=s3cret")


async def test_the_address_that_was_looked_at_is_the_one_that_is_reached(receiver: Receiver) -> None:
    resolver = Resolver(["127.0.0.1"], ["169.254.169.254"])
    answer = await PinnedClient(resolver).post(origin(receiver), {"a": "b"}, b"body")
    assert answer.status == 204
    assert resolver.asked == ["hooks.example.com"]
    [(first, headers, body)] = receiver.requests
    assert (first, body) == ("POST /hook?token=s3cret HTTP/1.1", "body")
    assert headers["host"] == f"hooks.example.com:{receiver.port}"
    assert headers["a"] == "b"


async def test_a_name_that_comes_to_lead_inside_is_refused_the_next_time(receiver: Receiver) -> None:
    target = AllowedTargets("hooks.example.com").check("https://hooks.example.com/hook")
    with pytest.raises(NotSent, match="must not reach"):
        await PinnedClient(Resolver(["127.0.0.1"])).post(target, {}, b"")
    assert receiver.requests == []


@pytest.mark.parametrize("answer", [[], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1", "::1"], ["169.254.169.254"]])
async def test_one_address_inside_is_enough_to_refuse_all(answer: list[str]) -> None:
    target = AllowedTargets("hooks.example.com").check("https://hooks.example.com/hook")
    with pytest.raises(NotSent, match="must not reach"):
        await PinnedClient(Resolver(answer)).post(target, {}, b"")


async def test_an_address_that_refuses_gives_way_to_the_next(receiver: Receiver) -> None:
    # Nothing listens at ::1 on this port, nor at the other end of the loopback network.
    answer = await PinnedClient(Resolver(["::1", "127.0.0.9", "127.0.0.1"])).post(origin(receiver), {}, b"")
    assert answer.status == 204
    assert len(receiver.requests) == 1


async def test_no_more_than_a_few_addresses_are_tried(receiver: Receiver) -> None:
    answer = [f"127.0.1.{n}" for n in range(3)] + ["127.0.0.1"]
    with pytest.raises(NotSent, match="no connection"):
        await PinnedClient(Resolver(answer)).post(origin(receiver), {}, b"")
    assert receiver.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver, status: int) -> None:
    receiver.always, receiver.headers = status, f"Location: {receiver.origin}/other\r\n"
    answer = await PinnedClient(Resolver(["127.0.0.1"])).post(origin(receiver), {}, b"")
    assert answer.status == status
    assert len(receiver.requests) == 1


async def test_an_answer_without_end_is_not_read(receiver: Receiver) -> None:
    receiver.headers = "Transfer-Encoding: chunked\r\nRetry-After: 7\r\nX: "  # a body that never comes
    receiver.always = 200
    answer = await PinnedClient(Resolver(["127.0.0.1"]), total_seconds=5).post(origin(receiver), {}, b"")
    assert (answer.status, answer.retry_after) == (200, "7")


@pytest.mark.parametrize(("failing", "says"), [(HANG, "no answer within 0.2 s"), (HANG_UP, "the request failed")])
async def test_no_answer_is_said_without_the_url(receiver: Receiver, failing: int, says: str) -> None:
    receiver.always = failing
    with pytest.raises(NotSent, match=says) as failed:
        await PinnedClient(Resolver(["127.0.0.1"]), total_seconds=0.2).post(origin(receiver), {}, b"")
    assert "s3cret" not in str(failed.value)
    assert "example" not in str(failed.value)


async def test_a_name_server_that_hangs_takes_no_longer_than_anything_else() -> None:
    async def hang(host: str, port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        return []

    target = AllowedTargets("hooks.example.com").check("https://hooks.example.com/hook")
    with pytest.raises(NotSent, match="no answer"):
        await PinnedClient(hang, total_seconds=0.1).post(target, {}, b"")


async def test_a_proxy_of_the_environment_is_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await PinnedClient(Resolver(["127.0.0.1"])).post(origin(receiver), {}, b"")
    assert len(receiver.requests) == 1


async def test_the_system_resolves_names() -> None:
    assert LOOPBACK in await look_up("localhost", 80)
    assert await look_up("::1", 80) == [ipaddress.ip_address("::1")]


class TestTls:
    """The certificate is checked against the name, though the address is what is connected to."""

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

    async def test_the_name_is_asked_for_and_checked(self, secure: Receiver, authority: Authority) -> None:
        client = PinnedClient(Resolver(["127.0.0.1"]), ssl.create_default_context(cafile=str(authority.file)))
        assert (await client.post(origin(secure, scheme="https"), {"webhook-id": "x:1"}, b"")).status == 204
        assert secure.taken[0] == "sni hooks.example.com"

    async def test_a_certificate_of_another_name_is_refused(self, secure: Receiver, authority: Authority) -> None:
        client = PinnedClient(Resolver(["127.0.0.1"]), ssl.create_default_context(cafile=str(authority.file)))
        with pytest.raises(NotSent, match="no connection"):
            await client.post(origin(secure, "other.example.com", "https"), {}, b"")
        assert secure.requests == []

    async def test_a_stranger_s_certificate_is_refused(self, secure: Receiver) -> None:
        with pytest.raises(NotSent, match="no connection"):
            await PinnedClient(Resolver(["127.0.0.1"])).post(origin(secure, scheme="https"), {}, b"")
        assert secure.requests == []
