"""LiveKit's key pair of the local stack: the user's own, or one that is made once and kept in the state folder."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from settings import LiveKitSettings

_FILE = "livekit-key.json"


def key_pair(livekit: LiveKitSettings, state_dir: Path) -> tuple[str, str]:
    """The API key and secret. A made pair is readable by its owner alone and survives restarts, as tokens do."""
    secret = livekit.api_secret.get_secret_value()
    if livekit.api_key and secret:
        return livekit.api_key, secret
    file = state_dir / _FILE
    if not file.exists():
        write_private(file, json.dumps({"key": f"API{secrets.token_hex(6)}", "secret": secrets.token_urlsafe(36)}))
    kept = json.loads(file.read_text())
    return kept["key"], kept["secret"]


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on, and put it in place in one step."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    draft.replace(file)
