"""Encrypts the task tokens in LiveKit's dispatches, so that a client who can list dispatches cannot act as an agent.

Workers and agents share LiveKit's API secret: the key is derived from it and needs no setting.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from errors import OrchestratorError


class SealBroken(OrchestratorError):
    """The text was not sealed with this secret."""


class Sealer:
    """Authenticated encryption (Fernet) under a key derived by HKDF-SHA256 from LiveKit's API secret."""

    def __init__(self, api_secret: str) -> None:
        key = HKDF(SHA256(), length=32, salt=None, info=b"dispatch task token").derive(api_secret.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, data: bytes) -> str:
        """Encrypt to URL-safe text."""
        return self._fernet.encrypt(data).decode()

    def unseal(self, text: str) -> bytes:
        """Decrypt. Raises `SealBroken` for anything not sealed with the same secret."""
        try:
            return self._fernet.decrypt(text.encode())
        except InvalidToken as error:
            raise SealBroken(
                "The dispatch was sealed with another LIVEKIT_API_SECRET; give workers and agents the same one."
            ) from error
