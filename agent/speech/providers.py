"""The table of speech providers. A setting such as `STT=local/tiny-en` names a provider and its model.

To add one: write a loader (in `hosted.py` for a hosted service) that imports its plugin, loads what is slow once per
process, and returns a factory for each job. Enter it below with the module that must be installed, the extra of
pyproject.toml that installs it, and the setting of its key. Document it in docs/CONFIGURATION.md, and test it against
a fake of its wire protocol in tests/fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, Generic, TypeVar

from agent.speech import hosted
from agent.speech.hosted import STTFactory, TTSFactory
from errors import SetupError
from settings import SpeechSettings

Made = TypeVar("Made")


@dataclass(frozen=True)
class Provider(Generic[Made]):
    """A provider's loader and requirements."""

    load: Callable[[str, SpeechSettings], Made]
    module: str
    how_to_install: str = "uv sync"
    key: str = ""
    """The required field of `SpeechSettings`; empty if the provider needs no key."""


_PLUGIN: Final = "livekit.plugins."

STT_PROVIDERS: Final[Mapping[str, Provider[STTFactory]]] = {
    "local": Provider(hosted.local_stt, "aiohttp"),
    "deepgram": Provider(hosted.deepgram_stt, _PLUGIN + "deepgram", "uv sync --extra deepgram", "deepgram_api_key"),
    "assemblyai": Provider(
        hosted.assemblyai_stt, _PLUGIN + "assemblyai", "uv sync --extra assemblyai", "assemblyai_api_key"
    ),
    "openai": Provider(hosted.openai_stt, _PLUGIN + "openai", key="openai_api_key"),
}
TTS_PROVIDERS: Final[Mapping[str, Provider[TTSFactory]]] = {
    "local": Provider(hosted.local_tts, "aiohttp"),
    "inworld": Provider(hosted.inworld_tts, _PLUGIN + "inworld", "uv sync --extra inworld", "inworld_api_key"),
    "openai": Provider(hosted.openai_tts, _PLUGIN + "openai", key="openai_api_key"),
}


def check(settings: SpeechSettings) -> None:
    """Check that every chosen provider and fallback is known, installed and has its key. Loads nothing.

    Raises SetupError with the missing part and how to get it, before an agent server takes a call.
    """
    _provider("STT", settings.stt, STT_PROVIDERS, settings)
    _provider("TTS", settings.tts, TTS_PROVIDERS, settings)
    if settings.stt_fallback:
        _provider("STT_FALLBACK", settings.stt_fallback, STT_PROVIDERS, settings)
    if settings.tts_fallback:
        _provider("TTS_FALLBACK", settings.tts_fallback, TTS_PROVIDERS, settings)
    if bool(settings.llm_fallback_base_url) != bool(settings.llm_fallback_model):
        raise SetupError("A fallback language model needs both LLM_FALLBACK_BASE_URL and LLM_FALLBACK_MODEL.")


def load_provider(setting: str, choice: str, known: Mapping[str, Provider[Made]], settings: SpeechSettings) -> Made:
    """Load `choice` (`provider/model`) of `setting`. Raises SetupError as `check` does, or for an unknown model."""
    return _provider(setting, choice, known, settings).load(choice.partition("/")[2], settings)


def _provider(
    setting: str, choice: str, known: Mapping[str, Provider[Made]], settings: SpeechSettings
) -> Provider[Made]:
    name, _, model = choice.partition("/")
    if name not in known or not model:
        raise SetupError(
            f"{setting}={choice!r} is not of the form provider/model; known providers: {', '.join(known)}."
        )
    provider = known[name]
    if find_spec(provider.module) is None:
        raise SetupError(
            f"{setting}={choice!r} needs {provider.module}, which is not installed: run `{provider.how_to_install}`."
        )
    if provider.key and not getattr(settings, provider.key).get_secret_value():
        raise SetupError(f"{setting}={choice!r} needs an account: set {provider.key.upper()} to its key.")
    return provider
