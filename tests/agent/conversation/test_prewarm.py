"""A prewarmed process has nothing left to import."""

from __future__ import annotations

import asyncio
import sys

import pytest

from agent.conversation.prewarm import prewarm
from agent.speech import load
from settings import SpeechSettings

pytestmark = pytest.mark.slow


def test_a_second_session_imports_nothing() -> None:
    models = load(SpeechSettings(llm_base_url="http://127.0.0.1:9/v1"))
    asyncio.run(prewarm(models))
    before = set(sys.modules)
    asyncio.run(prewarm(models))
    assert set(sys.modules) == before
