"""Connects to Temporal: the API, the workers and the agents share address, keys and data format."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.runtime import Runtime
from temporalio.service import TLSConfig

from connections.payload_encryption import EncryptionCodec, key_ring
from errors import SetupError
from settings import TemporalSettings


async def connect(
    settings: TemporalSettings,
    *,
    lazy: bool = False,
    interceptors: Sequence[Interceptor] = (),
    runtime: Runtime | None = None,
) -> Client:
    """A client for `settings`. Raises `SetupError` for invalid settings, `RuntimeError` if Temporal is unreachable.

    A `lazy` client connects at its first call, so that the API can start before Temporal does; workers cannot use it.
    """
    return await _connector(settings, interceptors)(lazy=lazy, runtime=runtime)


class LazyClient:
    """A client that is created at its first use, because it belongs to a running event loop.

    Raises `SetupError` at once for invalid settings.
    """

    def __init__(self, settings: TemporalSettings, interceptors: Sequence[Interceptor] = ()) -> None:
        self._connect = _connector(settings, interceptors)
        self._client: Client | None = None

    async def get(self) -> Client:
        """The client. It connects, and reconnects, at its calls."""
        if self._client is None:
            self._client = await self._connect(lazy=True)
        return self._client


def data_converter(settings: TemporalSettings) -> DataConverter:
    """Pydantic's converter; with keys it encrypts payloads and the texts of failures. Raises `SetupError`."""
    keys = key_ring(settings)
    if keys is None:
        return pydantic_data_converter
    return replace(
        pydantic_data_converter,
        payload_codec=EncryptionCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _connector(settings: TemporalSettings, interceptors: Sequence[Interceptor]) -> Callable[..., Awaitable[Client]]:
    """`Client.connect` with its files read and its keys parsed."""
    tls = _tls(settings) if settings.uses_tls else False
    return partial(
        Client.connect,
        settings.address,
        namespace=settings.namespace,
        tls=tls,
        # Never in the clear: it gives access to the namespace.
        api_key=(settings.api_key.get_secret_value() or None) if tls else None,
        data_converter=data_converter(settings),
        interceptors=interceptors,
    )


def _tls(settings: TemporalSettings) -> TLSConfig:
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    if (certificate is None) != (key is None):
        present, missing = ("CERT", "KEY") if key is None else ("KEY", "CERT")
        raise SetupError(f"TEMPORAL_TLS_{present}_FILE is set without TEMPORAL_TLS_{missing}_FILE; mTLS needs both.")
    return TLSConfig(
        server_root_ca_cert=_pem(settings.tls_ca_file, "TEMPORAL_TLS_CA_FILE", "CERTIFICATE"),
        domain=settings.tls_server_name or None,
        client_cert=_pem(certificate, "TEMPORAL_TLS_CERT_FILE", "CERTIFICATE"),
        client_private_key=_pem(key, "TEMPORAL_TLS_KEY_FILE", "PRIVATE KEY"),
    )


def _pem(file: Path | None, setting: str, kind: str) -> bytes | None:
    """The file's contents, checked here because the SDK reports a wrong file as "transport error" only."""
    if file is None:
        return None
    try:
        contents = file.expanduser().read_bytes()
    except OSError as error:
        raise SetupError(f"{setting}: {file} cannot be read ({error.strerror}).") from None
    if f"{kind}-----".encode() not in contents:
        raise SetupError(f"{setting}: {file} holds no {kind.lower()} in PEM form.")
    return contents
