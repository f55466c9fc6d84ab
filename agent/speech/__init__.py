"""Speech: hearing, thinking and speaking parts for an agent's session, chosen by settings.

    models = load(SpeechSettings())        # once a job process, before its first job: about a second
    parts = models.for_voice("Ashley")     # each job: milliseconds

Importing this package is cheap; what is heavy is imported by `load`, or ahead of it in the fork server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from settings import SpeechSettings

if TYPE_CHECKING:
    from agent.speech.pipeline import SpeechModels, SpeechParts

__all__ = ["PRELOAD_MODULES", "SpeechModels", "SpeechParts", "load"]

PRELOAD_MODULES: Final = (
    "agent.speech.pipeline",
    "agent.speech.embedded.hibari_tts",
    "agent.speech.embedded.moonshine_stt",
    "onnxruntime",
    "livekit.agents.llm.async_toolset",
)
"""Worth importing in the fork server: imports only, no thread, no model; each job process then has them for nothing."""


def load(settings: SpeechSettings) -> SpeechModels:
    """Load and warm the models that `settings` chooses. Blocks; call it in the process that will use them.

    SetupError names an unknown provider or model, or the package that is not installed.
    """
    from agent.speech.pipeline import SpeechModels  # noqa: PLC0415 - heavy

    return SpeechModels(settings)


def __getattr__(name: str) -> object:
    if name in ("SpeechModels", "SpeechParts"):
        from agent.speech import pipeline  # noqa: PLC0415 - heavy

        return getattr(pipeline, name)
    raise AttributeError(name)
