"""The one way to connect to Temporal: the API, the workers and the agents share address, namespace and data format."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from settings import TemporalSettings


async def connect(settings: TemporalSettings, *, lazy: bool = False) -> Client:
    """A client for `settings`. Raises `RuntimeError` when Temporal cannot be reached.

    A `lazy` one connects at its first call instead, so that the API can start before Temporal does; workers cannot
    be built on it.
    """
    return await Client.connect(
        settings.address, namespace=settings.namespace, data_converter=pydantic_data_converter, lazy=lazy
    )


class LazyClient:
    """A client made at its first use, since it belongs to a running event loop; then always the same."""

    def __init__(self, settings: TemporalSettings) -> None:
        self._settings = settings
        self._client: Client | None = None

    async def get(self) -> Client:
        """The client. Waits for nothing: it connects, and connects again, at its calls."""
        if self._client is None:
            self._client = await connect(self._settings, lazy=True)
        return self._client
