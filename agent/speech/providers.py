"""Which speech providers there are. A setting such as `STT=moonshine/tiny-en` names one and its model.

To add one: write a loader that imports its plugin, loads what is slow once a process, and returns what makes the part
for a job; then enter it below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from errors import SetupError

if TYPE_CHECKING:
    from livekit.agents import stt, tts

MakeSTT = Callable[[], "stt.STT[Any]"]
MakeTTS = Callable[[str], "tts.TTS[Any]"]
"""Takes a voice id of `contracts.VOICES`."""
Made = TypeVar("Made")


def _moonshine(model: str) -> MakeSTT:
    from agent.speech import moonshine_stt  # noqa: PLC0415 - only where it is chosen

    return moonshine_stt.load(model)


def _hibari(model: str) -> MakeTTS:
    from agent.speech import hibari_tts  # noqa: PLC0415 - only where it is chosen

    return hibari_tts.load(model)


STT_PROVIDERS: Final[dict[str, Callable[[str], MakeSTT]]] = {"moonshine": _moonshine}
TTS_PROVIDERS: Final[dict[str, Callable[[str], MakeTTS]]] = {"hibari": _hibari}


def load_provider(setting: str, choice: str, known: Mapping[str, Callable[[str], Made]]) -> Made:
    """Load `choice` (`provider/model`) of `setting`. SetupError names the known providers, or what is not installed."""
    provider, _, model = choice.partition("/")
    if provider not in known or not model:
        raise SetupError(
            f"{setting}={choice!r} is not of the form provider/model; known providers: {', '.join(known)}."
        )
    try:
        return known[provider](model)
    except ImportError as error:
        raise SetupError(
            f"{setting}={choice!r} needs a package that is not installed ({error.name}): run `uv sync`."
        ) from error
