"""The choice of providers by settings, and its errors."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest
from pydantic import SecretStr

from agent.speech import PRELOAD_MODULES, load, providers
from agent.speech.providers import STT_PROVIDERS, TTS_PROVIDERS, Provider, check, load_provider
from errors import SetupError
from settings import SpeechSettings

KEY = SecretStr("a-key")


@pytest.mark.parametrize("choice", ["nobody/model", "local", "local/", ""])
def test_an_unknown_provider_is_refused_with_the_known_ones(choice: str) -> None:
    with pytest.raises(SetupError, match=r"STT=.*known providers: local, deepgram"):
        load_provider("STT", choice, STT_PROVIDERS, SpeechSettings())


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"tts": "nobody/model"}, r"TTS='nobody/model'.*known providers: local"),
        ({"stt_fallback": "nobody/model"}, r"STT_FALLBACK='nobody/model'.*known providers: local"),
        ({"tts_fallback": "openai"}, r"TTS_FALLBACK='openai' is not of the form"),
        ({"stt": "deepgram/nova-3"}, r"STT='deepgram/nova-3' needs an account: set DEEPGRAM_API_KEY"),
        ({"stt": "assemblyai/any"}, r"set ASSEMBLYAI_API_KEY"),
        ({"stt_fallback": "openai/whisper-1"}, r"STT_FALLBACK='openai/whisper-1' needs an account: set OPENAI_API_KEY"),
        ({"tts_fallback": "inworld/any"}, r"TTS_FALLBACK='inworld/any' needs an account: set INWORLD_API_KEY"),
        ({"llm_fallback_model": "any"}, r"needs both LLM_FALLBACK_BASE_URL and LLM_FALLBACK_MODEL"),
        ({"llm_fallback_base_url": "http://x/v1"}, r"needs both LLM_FALLBACK_BASE_URL and LLM_FALLBACK_MODEL"),
    ],
)
def test_check_names_the_missing_setting(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(SetupError, match=text):
        check(SpeechSettings(**settings))


def test_check_accepts_complete_settings() -> None:
    check(
        SpeechSettings(
            stt="deepgram/nova-3",
            stt_fallback="local/tiny-en",
            deepgram_api_key=KEY,
            tts="inworld/inworld-tts-1.5-max",
            tts_fallback="local/default",
            inworld_api_key=KEY,
            llm_fallback_base_url="http://localhost:1/v1",
            llm_fallback_model="any",
        )
    )


@pytest.mark.parametrize(("part", "name"), [("stt", "deepgram"), ("stt", "assemblyai"), ("tts", "inworld")])
def test_check_names_the_missing_extra(part: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = f"livekit.plugins.{name}"
    monkeypatch.setattr(providers, "find_spec", lambda module: None if module == missing else find_spec(module))
    with pytest.raises(SetupError, match=rf"{part.upper()}='{name}/best' needs {missing}.*`uv sync --extra {name}`"):
        check(SpeechSettings.model_validate({part: f"{name}/best"}))


def test_every_provider_is_installed_and_its_key_is_a_setting() -> None:
    every: tuple[Provider[Any], ...] = (*STT_PROVIDERS.values(), *TTS_PROVIDERS.values())
    for provider in every:
        assert find_spec(provider.module), provider.module
        assert not provider.key or provider.key in SpeechSettings.model_fields


def test_a_model_name_keeps_its_slashes() -> None:
    known = {"somebody": Provider(lambda model, settings: model, "json")}
    assert load_provider("STT", "somebody/vendor/model", known, SpeechSettings()) == "vendor/model"


def test_the_defaults_need_no_account() -> None:
    check(SpeechSettings())


def test_importing_the_package_imports_nothing_heavy_and_preloading_starts_no_thread() -> None:
    script = f"""
import sys, threading, importlib
import agent.speech, agent.speech.providers
models = {{"onnxruntime", "hibari", "moonshine_voice"}}
heavy = {{"livekit.agents", "numpy", *models}} & set(sys.modules)
assert not heavy, heavy
for name in {PRELOAD_MODULES!r}: importlib.import_module(name)
assert threading.active_count() == 1
assert not models & set(sys.modules), "a job process loads no model"
"""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], check=False, timeout=60, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_load_refuses_an_unknown_choice() -> None:
    with pytest.raises(SetupError, match="known providers"):
        load(SpeechSettings(stt="nobody/model"))
