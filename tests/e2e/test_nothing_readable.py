"""A call leaves nothing readable in any store or log, webhooks included; the codec endpoint decrypts it."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict, Parse
from livekit import api
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import QueryWorkflowRequest
from temporalio.client import Client, WorkflowHandle

from contracts.customer_webhooks import DeliveryReport, delivery_id
from contracts.turns import Turn
from lab.caller import Caller
from tests.e2e.conftest import url_of
from tests.fakes.reports import reports
from tests.fakes.webhook_receiver import SECRET, receiving
from workflows.voice_session import VoiceSession
from workflows.webhooks.delivery import WebhookDelivery

if TYPE_CHECKING:
    from lab.chaos.world import World
    from stack.local_stack import LocalStack

pytestmark = pytest.mark.slow

ENCRYPTED = "YmluYXJ5L2VuY3J5cHRlZA=="
"""`binary/encrypted` as protobuf writes bytes in JSON."""


async def test_a_call_leaves_nothing_readable(stack: LocalStack, world: World, customer: socket.socket) -> None:
    user, mark, order = f"ada{uuid.uuid4().hex}", uuid.uuid4().hex, f"order-{uuid.uuid4().hex}"
    spoken = f"my card number is {mark} four"
    opening, prompt = f"Good morning. {mark} is open.", f"You are a helpful assistant, {mark} by name."
    hook = f"{url_of(customer)}/hook?token={mark}"
    options = {"openingLine": opening, "systemPrompt": prompt, "metadata": {order: [order]}, "webhookUrl": hook}
    async with receiving(at=customer.dup()) as receiver:
        receiver.answers.append(503)  # errors are stored too
        started = await world.rest.start(user, **options)
        private = [user, spoken, opening, prompt, started.token, order, hook]
        session, plain = world.session(started.session_id), await client_without_keys(stack)
        delivery = delivery_id(started.session_id)
        async with Caller(started.server_url, started.token) as caller:
            await caller.agent_present()
            serving = (await session.query(VoiceSession.view)).generation
            await session.signal(VoiceSession.agent_reports, reports(said(spoken, serving)))
            assert spoken in [turn.text for turn in await session.query(VoiceSession.transcript)]
            await receiver.until(requests=1)
            kept = {
                "participants": (
                    await world.livekit.room.list_participants(api.ListParticipantsRequest(room=started.session_id))
                ).SerializeToString(),
                "description of the live session": await description(plain, started.session_id),
                "description of its webhooks": await description(plain, delivery),
                "transcript": await answer_of(plain, started.session_id, "transcript"),
                "what the UI shows of it": await answer_of(plain, started.session_id, "__temporal_workflow_metadata"),
            }
            await world.rest.end(started.session_id)
        await session.result()
        delivering: WorkflowHandle[WebhookDelivery, DeliveryReport] = world.temporal.get_workflow_handle_for(
            WebhookDelivery.run, delivery
        )
        assert await delivering.result() == DeliveryReport(delivered=len(receiver.taken))
    histories = [
        await plain.get_workflow_handle(workflow).fetch_history() for workflow in (started.session_id, delivery)
    ]
    events = [event for history in histories for event in history.events]
    kept |= {
        "history": b"".join(event.SerializeToString() for event in histories[0].events),
        "history of its webhooks": b"".join(event.SerializeToString() for event in histories[1].events),
        "description of the ended session": await description(plain, started.session_id),
        "list": b"".join(
            [found.raw_info.SerializeToString() async for found in plain.list_workflows() if found.raw_info]
        ),
        "logs": world.logs().encode(),
        "logs of our own": b"".join(log.read_bytes() for log in logs_of_our_own(stack)),
        "database": b"".join(file.read_bytes() for file in stack.state_dir.glob("temporal.db*")),
    }
    keys = stack.settings.temporal.codec_keys.get_secret_value().partition(":")[2]
    link = stack.settings.codec_endpoint.token.get_secret_value()
    for text in (*private, mark, keys, link, SECRET):
        places = {place for place, data in kept.items() if text.encode() in data}
        assert not places
    named = [place for place, data in kept.items() if started.session_id.encode() in data]
    expected = {"list", "logs of our own", "database", "description of its webhooks"}
    assert expected <= {*named}, "the stores hold the session"
    assert "was not taken: the receiver answered 503" in kept["logs of our own"].decode(errors="replace")

    payloads = [payload for event in events for payload in encrypted_payloads(MessageToDict(event))]
    decoded = await decoded_for_the_ui(stack, payloads)
    for text in private:
        assert text.encode() in decoded


def logs_of_our_own(stack: LocalStack) -> list[Path]:
    """All logs but LiveKit's."""
    return [log for log in (stack.state_dir / "logs").iterdir() if not log.name.startswith("livekit.")]


def said(text: str, generation: int) -> Turn:
    """A turn with a sequence number far above the agent's own."""
    return Turn(generation=generation, sequence=1000, role="caller", text=text, at_ms=time.time_ns() // 1_000_000)


async def client_without_keys(stack: LocalStack) -> Client:
    temporal = stack.settings.temporal
    return await Client.connect(temporal.address, namespace=temporal.namespace)


async def description(client: Client, session_id: str) -> bytes:
    return (await client.get_workflow_handle(session_id).describe()).raw_description.SerializeToString()


async def answer_of(client: Client, session_id: str, query: str) -> bytes:
    """Return a query's encrypted answer."""
    asked = QueryWorkflowRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=session_id),
        query=WorkflowQuery(query_type=query),
    )
    answer = await client.workflow_service.query_workflow(asked)
    assert answer.query_result.payloads
    return answer.SerializeToString()


def encrypted_payloads(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every encrypted payload of a protobuf message in JSON form."""
    if isinstance(value, dict):
        metadata = value.get("metadata")
        if isinstance(metadata, dict) and metadata.get("encoding") == ENCRYPTED:
            yield value
        else:
            yield from (found for inner in value.values() for found in encrypted_payloads(inner))
    elif isinstance(value, list):
        yield from (found for inner in value for found in encrypted_payloads(inner))


async def decoded_for_the_ui(stack: LocalStack, payloads: list[dict[str, Any]]) -> bytes:
    """Decode payloads as Temporal's UI does: at the codec endpoint that its server names."""
    page = f"http://127.0.0.1:{stack.settings.stack.temporal_ui_port}"
    async with httpx.AsyncClient(trust_env=False) as http:
        endpoint = (await http.get(f"{page}/api/v1/settings")).json()["Codec"]["Endpoint"]
        headers = {"Origin": page, "X-Namespace": stack.settings.temporal.namespace}
        answer = await http.post(f"{endpoint}/decode", json={"payloads": payloads}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == page
    decoded: list[Payload] = list(Parse(answer.text, Payloads()).payloads)
    assert len(decoded) == len(payloads)
    return b"\n".join(payload.data for payload in decoded)
