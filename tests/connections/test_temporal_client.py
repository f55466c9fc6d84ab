"""The connection to Temporal: its settings, and a real server behind a TLS listener."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from connections.temporal_client import LazyClient, connect, data_converter
from errors import SetupError
from settings import StackSettings, TemporalSettings
from stack.servers.find import resolve_servers
from tests.fakes.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


def test_payloads_are_plain_without_keys() -> None:
    assert data_converter(TemporalSettings()) is pydantic_data_converter


@pytest.mark.parametrize(
    ("settings", "used"),
    [
        (TemporalSettings(), False),
        (TemporalSettings(tls=True), True),
        (TemporalSettings(api_key=SecretStr("key")), True),
        (TemporalSettings(tls_ca_file=Path("ca.pem")), True),
        (TemporalSettings(tls_server_name="temporal.example"), True),
        (TemporalSettings(tls=False, api_key=SecretStr("key"), tls_ca_file=Path("ca.pem")), False),
    ],
)
def test_tls_is_on_when_a_setting_needs_it(settings: TemporalSettings, used: bool) -> None:
    assert settings.uses_tls is used


async def test_api_key_is_never_sent_in_the_clear() -> None:
    key = SecretStr("the-api-key")
    assert (await connect(TemporalSettings(api_key=key), lazy=True)).api_key == "the-api-key"
    assert (await connect(TemporalSettings(api_key=key, tls=False), lazy=True)).api_key is None


def test_certificate_without_key_is_an_error(authority: Authority) -> None:
    certificate, key = authority.issue("client")
    with pytest.raises(SetupError, match=r"^TEMPORAL_TLS_CERT_FILE is set without TEMPORAL_TLS_KEY_FILE"):
        LazyClient(TemporalSettings(tls_cert_file=certificate))
    with pytest.raises(SetupError, match=r"^TEMPORAL_TLS_KEY_FILE is set without TEMPORAL_TLS_CERT_FILE"):
        LazyClient(TemporalSettings(tls_key_file=key))


def test_invalid_files_are_named_by_their_setting(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("client")
    with pytest.raises(SetupError, match=r"^TEMPORAL_TLS_CA_FILE: .*/none.pem cannot be read \(No such file"):
        LazyClient(TemporalSettings(tls_ca_file=tmp_path / "none.pem"))
    with pytest.raises(SetupError, match=r"^TEMPORAL_TLS_CERT_FILE: .*/client.key holds no certificate in PEM form"):
        LazyClient(TemporalSettings(tls_cert_file=key, tls_key_file=certificate))
    with pytest.raises(SetupError, match=r"^TEMPORAL_TLS_KEY_FILE: .*/client.pem holds no private key in PEM form"):
        LazyClient(TemporalSettings(tls_cert_file=certificate, tls_key_file=certificate))
    with pytest.raises(SetupError, match=r"^TEMPORAL_TLS_CA_FILE: .* cannot be read \(Is a directory\)"):
        LazyClient(TemporalSettings(tls_ca_file=tmp_path))


@pytest.fixture
async def temporal() -> AsyncIterator[str]:
    """The address of a dev server without TLS."""
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(resolve_servers(StackSettings(), ["temporal"]).temporal),
        dev_server_log_level="error",
    )
    async with environment:
        yield environment.client.service_client.config.target_host


@asynccontextmanager
async def tls_in_front_of(address: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """A TLS listener in front of `address`; yields its own address."""
    host, _, port = address.partition(":")

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pipe(reader, behind[1]), pipe(behind[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _listener(
    authority: Authority, *, name: str = "temporal.example", requires_certificates: bool = False
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(*authority.issue(name))
    if requires_certificates:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.file)
    return context


async def _connects(settings: TemporalSettings) -> bool:
    try:
        async with asyncio.timeout(20):
            return await (await connect(settings)).service_client.check_health()
    except RuntimeError:
        return False


@pytest.mark.slow
async def test_tls_with_a_private_authority(temporal: str, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    async with tls_in_front_of(temporal, _listener(authority)) as address:
        assert await _connects(TemporalSettings(address=address, tls_ca_file=authority.file))
        assert not await _connects(TemporalSettings(address=address, tls_ca_file=other.file))
        assert not await _connects(TemporalSettings(address=address, tls=True))
        assert not await _connects(TemporalSettings(address=address))


@pytest.mark.slow
async def test_tls_server_name_is_checked(temporal: str, authority: Authority) -> None:
    trusting = TemporalSettings(tls_ca_file=authority.file)
    async with tls_in_front_of(temporal, _listener(authority)) as address:
        for name, served in (("temporal.example", True), ("elsewhere.example", False)):
            wanted = trusting.model_copy(update={"address": address, "tls_server_name": name})
            assert await _connects(wanted) is served


@pytest.mark.slow
async def test_mtls_accepts_only_its_own_clients(temporal: str, authority: Authority, tmp_path: Path) -> None:
    ours, theirs = authority.issue("client"), Authority(tmp_path / "other").issue("client")
    async with tls_in_front_of(temporal, _listener(authority, requires_certificates=True)) as address:
        settings = TemporalSettings(address=address, tls_ca_file=authority.file)
        for pair, served in ((ours, True), (theirs, False), ((None, None), False)):
            wanted = settings.model_copy(update={"tls_cert_file": pair[0], "tls_key_file": pair[1]})
            assert await _connects(wanted) is served
