"""Every route against its own description in /openapi.json: what is sent is drawn from it, and from what breaks it."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from pydantic import SecretStr
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from api.app import create_app
from settings import LiveKitSettings, Settings, TemporalSettings
from tests.fakes.session_counts import FakeSessionCounts
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions

EXAMPLES = 60
"""Of each kind for each route."""

LENIENT = "POST /api/session/start"
"""Null and blank mean the default there, which its schema does not spell out; test_bad_input.py has what is refused."""

LIVEKIT = LiveKitSettings(url="ws://127.0.0.1:9", api_key="devkey", api_secret=SecretStr("s" * 64))
SESSIONS = FakeSessions()
APP = create_app(
    Settings(temporal=TemporalSettings(address="127.0.0.1:9"), livekit=LIVEKIT),
    SESSIONS,
    FakeSessionReader(SESSIONS),
    counts=FakeSessionCounts(),
)
# The stream of events has no end that could be waited for here, and a redelivery asks Temporal itself.
DESCRIBED = schemathesis.openapi.from_asgi("/openapi.json", APP).exclude(path_regex="/(events|redeliver)$")
OPERATIONS = [found.ok() for found in DESCRIBED.get_all_operations() if isinstance(found, Ok)]
CASES = [
    pytest.param(operation, mode, id=f"{operation.label}-{mode.value}")
    for operation in OPERATIONS
    for mode in GenerationMode
    # Where nothing is asked for, nothing can be wrong.
    if mode is GenerationMode.POSITIVE or operation.body or operation.query or operation.path_parameters
]


def test_the_routes_are_found() -> None:
    assert {"POST /api/session/start", "POST /api/session/end", "POST /webhook/livekit"} <= {
        operation.label for operation in OPERATIONS
    }


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_answers_are_as_described(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @effort(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def answers(case: Case[Any]) -> None:
        # A schema cannot say all: a name of blanks, a page token of another list, nested too deeply.
        lenient = [negative_data_rejection] if operation.label == LENIENT else []
        case.call_and_validate(excluded_checks=[positive_data_acceptance, *lenient])

    answers()
