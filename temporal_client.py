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
