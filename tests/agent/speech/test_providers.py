"""Choosing providers by settings: a clear word for what is wrong, and room for others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agent.speech import PRELOAD_MODULES, load
from agent.speech.providers import STT_PROVIDERS, TTS_PROVIDERS, load_provider
from errors import SetupError
from settings import SpeechSettings


@pytest.mark.parametrize("choice", ["nobody/model", "moonshine", "moonshine/", ""])
def test_an_unknown_provider_is_refused_with_the_known_ones(choice: str) -> None:
    with pytest.raises(SetupError, match=r"STT=.*known providers: moonshine"):
        load(SpeechSettings(stt=choice))


def test_an_unknown_voice_provider_is_refused_too() -> None:
    with pytest.raises(SetupError, match=r"TTS='nobody/model'.*known providers: hibari"):
        load_provider("TTS", "nobody/model", TTS_PROVIDERS)


def test_a_provider_whose_package_is_missing_says_so() -> None:
    def needs_a_package(model: str) -> None:
        raise ImportError("no such package", name="livekit.plugins.somebody")

    with pytest.raises(SetupError, match=r"livekit.plugins.somebody.*uv sync"):
        load_provider("STT", "somebody/best", {"somebody": needs_a_package})


def test_the_model_keeps_its_slashes() -> None:
    assert load_provider("STT", "somebody/vendor/model", {"somebody": str}) == "vendor/model"


def test_the_defaults_are_known() -> None:
    defaults = SpeechSettings.model_fields
    assert str(defaults["stt"].default).split("/")[0] in STT_PROVIDERS
    assert str(defaults["tts"].default).split("/")[0] in TTS_PROVIDERS


def test_importing_the_package_imports_nothing_heavy_and_preloading_starts_no_thread() -> None:
    script = f"""
import sys, threading, importlib
import agent.speech
heavy = {{"livekit.agents", "onnxruntime", "hibari", "moonshine_voice", "numpy"}} & set(sys.modules)
assert not heavy, heavy
for name in {PRELOAD_MODULES!r}: importlib.import_module(name)
assert threading.active_count() == 1
"""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], check=False, timeout=60, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
