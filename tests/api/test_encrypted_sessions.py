"""Encrypted sessions on a real Temporal: answers are the same, and a missing key loses nothing."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from api.gateway.session_reader import TemporalSessionReader
from api.gateway.sessions import TemporalSessions
from connections.temporal_client import LazyClient, connect
from contracts import search_attributes
from contracts.identities import new_session_id
from contracts.limits import SessionLimits
from contracts.session import SessionRequest
from errors import EndFailed, JoinTokenFailed, PayloadUnreadable
from settings import Settings
from tests.fakes.dev_server import QUEUE, listed, settings_at
from tests.fakes.quiet_activities import QuietActivities
from worker import build_worker

pytestmark = pytest.mark.slow

OLD = f"old:{base64.b64encode(bytes(32)).decode()}"
NEW = f"new:{base64.b64encode(bytes(range(32))).decode()}"


def with_keys(server: str, *keys: str) -> Settings:
    settings = settings_at(server)
    return replace(settings, temporal=settings.temporal.model_copy(update={"codec_keys": SecretStr(",".join(keys))}))


def gateway_of(settings: Settings) -> TemporalSessions:
    return TemporalSessions(LazyClient(settings.temporal), settings)


@pytest.fixture
async def encrypting(server: str) -> AsyncIterator[TemporalSessions]:
    gateway = gateway_of(with_keys(server, OLD))
    yield gateway
    await gateway.close()


@pytest.fixture
async def encrypted_client(server: str) -> Client:
    return await connect(with_keys(server, OLD).temporal)


def request(user: str = "ann") -> SessionRequest:
    # An agent in a worker that stops is lost by its heartbeat, which the end waits for.
    limits = SessionLimits(agent_heartbeat_timeout_seconds=1)
    return SessionRequest(session_id=new_session_id(int(time.time())), user_name=user, limits=limits)


async def first_refusal(handle: WorkflowHandle[Any, Any], reader: Client) -> str:
    """The reason of the first failed task, which its worker encrypted."""
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failure = event.workflow_task_failed_event_attributes.failure
            return str(await reader.data_converter.decode_failure(failure))
    return "no task has failed"


async def test_users_are_found_by_keyed_hashes(
    server: str, encrypting: TemporalSessions, encrypted_client: Client, activities: QuietActivities
) -> None:
    async with build_worker(encrypted_client, activities, QUEUE, activities):
        await encrypting.start(wanted := request("ann"))
        await encrypting.start(other := request("bob"))
        rotated = with_keys(server, NEW, OLD).temporal
        known = TemporalSessionReader(LazyClient(rotated), rotated)
        found = await listed(known, lambda page: bool(page.sessions), user="ann")
        assert [(one.sessionId, one.userName) for one in found.sessions] == [(wanted.session_id, "ann")]
        described = await encrypted_client.get_workflow_handle(wanted.session_id).describe()
        assert "ann" not in described.typed_search_attributes[search_attributes.USER]
        assert b"ann" not in described.raw_description.workflow_execution_info.search_attributes.SerializeToString()
        for session in (wanted, other):
            await encrypting.end(session.session_id)


async def test_the_reason_of_a_failure_is_decrypted(
    encrypting: TemporalSessions, encrypted_client: Client, activities: QuietActivities
) -> None:
    activities.join_token_error = "the key is not known"
    async with build_worker(encrypted_client, activities, QUEUE, activities):
        with pytest.raises(JoinTokenFailed, match=r"^LiveKit token generation failed: .*the key is not known"):
            await encrypting.start(request())


async def test_a_plain_session_continues_and_ends_encrypted(
    encrypting: TemporalSessions,
    encrypted_client: Client,
    gateway: TemporalSessions,
    client: Client,
    activities: QuietActivities,
) -> None:
    async with build_worker(client, activities, QUEUE, activities):
        await gateway.start(begun := request())
    async with build_worker(encrypted_client, activities, QUEUE, activities):
        summary = await encrypting.end(begun.session_id)
    assert summary.workflow_completed
    result = (await client.get_workflow_handle(begun.session_id).fetch_history()).events[-1]
    (payload,) = result.workflow_execution_completed_event_attributes.result.payloads
    assert payload.metadata["encryption-key-id"] == b"old"


async def test_a_task_waits_for_a_worker_that_has_the_key(
    server: str, encrypting: TemporalSessions, encrypted_client: Client, activities: QuietActivities
) -> None:
    async with build_worker(encrypted_client, activities, QUEUE, activities):
        await encrypting.start(begun := request())
    other = await connect(with_keys(server, NEW).temporal)
    async with build_worker(other, activities, QUEUE, activities):
        with pytest.raises(EndFailed, match="no worker answered"):
            await encrypting.end(begun.session_id)
    handle = encrypted_client.get_workflow_handle(begun.session_id)
    assert "'old', which is not in TEMPORAL_CODEC_KEYS" in await first_refusal(handle, other)
    async with build_worker(encrypted_client, activities, QUEUE, activities):
        await handle.result()
        assert (await encrypting.end(begun.session_id)).workflow_completed
    with pytest.raises(PayloadUnreadable, match=r"the key 'old', which is not in TEMPORAL_CODEC_KEYS \(there: new\)"):
        await gateway_of(with_keys(server, NEW)).end(begun.session_id)
