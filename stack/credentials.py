"""Keys of the local stack: the user's own, or ones that are generated once and kept in the state folder.

Only the owner can read a generated key. It survives restarts, as the data does that was signed or encrypted with it.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from settings import LiveKitSettings, Settings


def key_pair(livekit: LiveKitSettings, state_dir: Path) -> tuple[str, str]:
    """LiveKit's API key and secret."""
    secret = livekit.api_secret.get_secret_value()
    if livekit.api_key and secret:
        return livekit.api_key, secret
    made = {"key": f"API{secrets.token_hex(6)}", "secret": secrets.token_urlsafe(36)}
    kept = _kept(state_dir / "livekit-key.json", made)
    return kept["key"], kept["secret"]


def with_encryption(settings: Settings, state_dir: Path) -> Settings:
    """`settings` with encrypted payloads, and a codec endpoint for the stack's own Temporal UI.

    That UI has no login and sends no custom header, so the token goes into the path (ADR 9) while the API is on
    loopback.
    """
    temporal, endpoint, ui_port = settings.temporal, settings.codec_endpoint, settings.stack.temporal_ui_port
    made = {"keys": f"local:{base64.b64encode(os.urandom(32)).decode()}", "token": secrets.token_urlsafe(36)}
    kept = _kept(state_dir / "codec-key.json", made)
    pages = (*endpoint.allowed_origins, f"http://localhost:{ui_port}", f"http://127.0.0.1:{ui_port}")
    return replace(
        settings,
        temporal=temporal.model_copy(
            update={"codec_keys": SecretStr(temporal.codec_keys.get_secret_value() or kept["keys"])}
        ),
        codec_endpoint=endpoint.model_copy(
            update={
                "token": SecretStr(endpoint.token.get_secret_value() or kept["token"]),
                "token_in_path": endpoint.token_in_path or settings.api.on_loopback,
                "origins": ",".join(dict.fromkeys(pages)),
            }
        ),
    )


def _kept(file: Path, made: Mapping[str, str]) -> dict[str, str]:
    """The contents of the file, which is written from `made` the first time."""
    if not file.exists():
        write_private(file, json.dumps(made))
    kept: dict[str, str] = json.loads(file.read_text())
    return kept


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read at any moment, and put it in place in one step."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    draft.replace(file)
