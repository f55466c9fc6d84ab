"""Speech: the STT, LLM and TTS of an agent's session, chosen by settings.

    models = load(SpeechSettings())        # once a job process, before its first job: about a second
    parts = models.for_voice("Ashley")     # each job: milliseconds

Importing this package is cheap; `load`, or the fork server before it, imports the heavy modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from settings import SpeechSettings

if TYPE_CHECKING:
    from agent.speech.pipeline import SpeechModels, SpeechParts

__all__ = ["PRELOAD_MODULES", "SpeechModels", "SpeechParts", "load"]

PRELOAD_MODULES: Final = (
    "agent.speech.pipeline",
    "agent.speech.local",
    "livekit.agents.llm.async_toolset",
)
"""Modules to import in the fork server, shared by all job processes. They start no thread and load no model."""


def load(settings: SpeechSettings) -> SpeechModels:
    """Load and prewarm the chosen models. Blocks; call it in the process that will use them.

    Raises SetupError for an unknown provider or model, or a package that is not installed.
    """
    from agent.speech.pipeline import SpeechModels  # noqa: PLC0415 - heavy

    return SpeechModels(settings)


def __getattr__(name: str) -> object:
    if name in ("SpeechModels", "SpeechParts"):
        from agent.speech import pipeline  # noqa: PLC0415 - heavy

        return getattr(pipeline, name)
    raise AttributeError(name)
