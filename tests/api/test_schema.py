"""Every route against the OpenAPI document, with valid and invalid requests generated from it.

The app has everything: API keys, the codec endpoint, event streams, redeliveries. `requests_sent.py` counts.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis import Case
from schemathesis.checks import CheckFunction
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
)

from api.app import create_app
from contracts.agent_options import AgentOptions
from contracts.session import SessionRequest
from settings import ApiSettings, CodecEndpointSettings, LiveKitSettings, Settings, TemporalSettings, WebhookSettings
from tests.api.requests_sent import SENT
from tests.fakes.event_source import SESSION, FakeEventSource
from tests.fakes.key_files import with_keys
from tests.fakes.redeliveries import FakeRedeliveries
from tests.fakes.session_counts import FakeSessionCounts
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions

EXAMPLES = 120
"""Valid and invalid ones each, for each operation."""

LEAST = 80
"""Fewer would mean that hardly anything can be generated from the document."""

LENIENT = "POST /api/session/start"
"""Null and blank mean the default there, which its schema omits; test_bad_input.py tests what it refuses."""

STREAM, CODEC = "GET /api/session/{sessionId}/events", "POST /codec/{namespace}/decode"

NAMESPACE = "calls"
KNOWN = {"sessionId": SESSION, "namespace": NAMESPACE}
"""Path parameters that exist, since generated ones never would."""

TOKEN = "a-token-that-nobody-guesses-in-a-lifetime"
FOLDER = TemporaryDirectory()
KEYS_FILE = Path(FOLDER.name) / "keys.jsonl"
(KEY,) = with_keys(KEYS_FILE, "acme")

SESSIONS = FakeSessions()
SESSIONS.started.append(
    SessionRequest(session_id=SESSION, user_name="ann", options=AgentOptions(voice_id="Craig"), owner="acme")
)
SESSIONS.metadata[SESSION] = {}
EVENTS = FakeEventSource()
EVENTS.log(SESSION).emit(3)
EVENTS.log(SESSION).end()

APP = create_app(
    Settings(
        temporal=TemporalSettings(
            address="127.0.0.1:9",
            namespace=NAMESPACE,
            codec_keys=SecretStr(f"k:{base64.b64encode(bytes(32)).decode()}"),
        ),
        codec_endpoint=CodecEndpointSettings(token=SecretStr(TOKEN)),
        livekit=LiveKitSettings(url="ws://127.0.0.1:9", api_key="devkey", api_secret=SecretStr("s" * 64)),
        api=ApiSettings(keys_file=KEYS_FILE),
        webhooks=WebhookSettings(allowed_targets="hooks.example.com"),
    ),
    SESSIONS,
    FakeSessionReader(SESSIONS),
    counts=FakeSessionCounts(),
    events=EVENTS,
    redeliveries=FakeRedeliveries(),
)
DESCRIBED = schemathesis.openapi.from_asgi("/openapi.json", APP)
OPERATIONS = [found.ok() for found in DESCRIBED.get_all_operations() if isinstance(found, Ok)]


def has_parameters(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)


CASES = [
    pytest.param(operation, mode, id=f"{operation.label}-{mode.value}")
    for operation in OPERATIONS
    for mode in GenerationMode
    # Without parameters nothing can be invalid.
    if mode is GenerationMode.POSITIVE or has_parameters(operation)
]


def test_every_operation_is_tested() -> None:
    paths = APP.openapi()["paths"]
    assert {operation.label for operation in OPERATIONS} == {
        f"{method.upper()} {path}" for path, methods in paths.items() for method in methods
    }
    assert len(paths) >= 14


def excluded_checks(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> Iterator[CheckFunction]:
    """Checks that need more than a schema can express, or that the library reads differently."""
    yield positive_data_acceptance  # a name of blanks, a page token of another list, nested too deeply
    if operation.label == LENIENT:
        yield negative_data_rejection
    if operation.label == STREAM:
        yield response_schema_conformance  # the schema describes the whole text, not each event
    if mode is GenerationMode.NEGATIVE:
        yield ignored_auth  # it breaks one header, and the valid key is in the other


def credentials(case: Case[Any]) -> dict[str, str]:
    if case.operation.label == CODEC:
        return {"Authorization": f"Bearer {TOKEN}"}
    return {"X-API-Key": KEY}


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_answers_are_as_described(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> None:
    before = SENT[operation.label]

    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    @effort(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    def answers(case: Case[Any], is_known: bool) -> None:
        if is_known and case.meta is not None and not case.meta.is_negative_at(ParameterLocation.PATH):
            case.path_parameters.update({name: KNOWN[name] for name in case.path_parameters})
        SENT[operation.label] += 1
        case.call_and_validate(headers=credentials(case), excluded_checks=[*excluded_checks(operation, mode)])

    answers()
    assert SENT[operation.label] - before >= (LEAST if has_parameters(operation) else 1)
