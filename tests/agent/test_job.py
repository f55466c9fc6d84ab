"""An agent's job, from launch to its conversation."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest
from livekit.agents import APIConnectionError, JobContext, JobExecutorType, JobProcess
from livekit.protocol.agent import Job
from livekit.protocol.models import Room
from pydantic import SecretStr

from agent import job
from agent.job import run
from agent.job_link.host_link import HostLink
from agent.speech import SpeechModels, SpeechParts
from agent.speech.fallback import tts_fallback
from contracts.agent import JobMetadata, ProviderChanged
from settings import LiveKitSettings, Settings
from tests.fakes.agent_server import SECRET
from tests.fakes.briefings import briefing
from tests.fakes.dialogue import fake_parts
from tests.fakes.host_link import FakeHostLink
from tests.fakes.rpc_rooms import FakeRoom
from tests.fakes.slow_voice import TENTH, SlowTTS


class _StopError(Exception):
    """Ends a job where its conversation would begin."""


class FakeContext(JobContext):
    """A job of generation 2, without a process of its own."""

    def __init__(self, userdata: Mapping[str, object]) -> None:
        metadata = JobMetadata(session_id="session_1234567890_abcdef", generation=2, key="job_1", socket="")
        self.launched = Job(room=Room(metadata=metadata.model_dump_json()))
        self.process = JobProcess(executor_type=JobExecutorType.PROCESS, user_arguments=None, http_proxy=None)
        self.process.userdata.update(userdata)
        self.own_room = FakeRoom("agent_2_AJ_b")
        self.left: list[str] = []

    job = property(lambda self: self.launched)
    proc = property(lambda self: self.process)
    room = property(lambda self: self.own_room)
    local_participant_identity = property(lambda self: "agent_2_AJ_b")

    async def connect(self, **_: object) -> None:
        pass

    def add_shutdown_callback(self, callback: Callable[..., object]) -> None:
        pass

    def shutdown(self, reason: str = "") -> None:
        self.left.append(reason)


class FakeModels(SpeechModels):
    def __init__(self, parts: SpeechParts) -> None:
        self.parts = parts

    def for_voice(self, voice_id: str) -> SpeechParts:
        return self.parts


async def test_an_error_before_the_conversation_ends_the_job() -> None:
    ctx = FakeContext({})
    with pytest.raises(KeyError):
        await run(ctx)
    assert ctx.left == ["it failed: KeyError"]


async def test_provider_failures_are_reported_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHostLink(briefing(generation=2))

    async def connected(*_: object, **__: object) -> FakeHostLink:
        return host

    def stop(*_: object) -> None:
        raise _StopError

    monkeypatch.setattr(HostLink, "open", connected)
    monkeypatch.setattr(job, "Conversation", stop)
    first, second = SlowTTS(), SlowTTS()
    voices, fallback = tts_fallback([("inworld/m", first), ("local/default", second)], seconds=5)
    parts = fake_parts(voices, fallbacks=(fallback,))
    livekit = LiveKitSettings(url="ws://127.0.0.1:1", api_key="key", api_secret=SecretStr(SECRET))
    ctx = FakeContext({"traces": None, "settings": Settings(livekit=livekit), "speech": FakeModels(parts)})
    with pytest.raises(_StopError):
        await run(ctx)
    first.make(APIConnectionError())
    second.make(TENTH, None)
    async with asyncio.timeout(5):
        await voices.synthesize("Hello.").collect()
    assert host.provider_changes == [
        ProviderChanged(generation=2, part="tts", provider="inworld/m", available=False, next_up="local/default")
    ]
    assert "tts of session_1234567890_abcdef: inworld/m failed; next is local/default" in caplog.messages
    await voices.aclose()


def test_a_job_process_imports_neither_temporal_nor_a_speech_model() -> None:
    """Hosts speak to Temporal, and the speech server has the models: a warm process must be light."""
    heavy = ("temporalio", "moonshine_voice", "hibari_tts", "xllamacpp")
    program = (
        "import importlib, sys, agent.job, agent.speech\n"
        "for name in agent.speech.PRELOAD_MODULES: importlib.import_module(name)\n"
        f"sys.exit(' '.join(name for name in {heavy} if name in sys.modules) or 0)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert found.returncode == 0, found.stderr
