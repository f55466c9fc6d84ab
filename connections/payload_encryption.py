"""Encrypts Temporal's payloads with AES-256-GCM and a ring of named keys; the first key encrypts.

A payload names its key in its metadata, so that keys can be rotated while sessions run: put the new key in front and
keep the old one until no history needs it. Unencrypted payloads are still read. ADR 9 has the reasons,
docs/DEPLOYMENT.md the steps.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from errors import PayloadUnreadable, SetupError
from settings import TemporalSettings

ENCODING: Final = b"binary/encrypted"
KEY_ID: Final = "encryption-key-id"

_CIPHER: Final = b"AES256-GCM"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_LABEL_CHARACTERS: Final = 255
"""The longest keyword of a SQL store."""
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class KeyRing:
    """Named keys of 32 bytes. The first encrypts, all decrypt."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self.writing_id = next(iter(keys))
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        # Derived, so that the labels in visibility reveal nothing of the encryption key.
        self._label_keys = [
            HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=b"user label").derive(key) for key in keys.values()
        ]

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read `id:key,id2:key2`, each key base64. Raises `SetupError` with no part of a key in its text."""
        keys: dict[str, bytes] = {}
        for place, entry in enumerate(text.split(","), start=1):
            key_id, colon, encoded = entry.strip().partition(":")
            where = f"Entry {place} of TEMPORAL_CODEC_KEYS"
            if not colon or not _ID.fullmatch(key_id):  # it may be a key: keep it out of the text
                raise SetupError(f"{where} does not begin with an id (letters, digits, . _ -) and a colon.")
            if key_id in keys:
                raise SetupError(f"{where} repeats the id of an earlier one, {key_id}.")
            keys[key_id] = _read_key(encoded, f"{where}, {key_id},")
        return cls(keys)

    def encrypt(self, payload: Payload) -> Payload:
        """A payload that holds the whole given one, metadata included."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self.writing_id].encrypt(
            nonce, payload.SerializeToString(), _associated_data(self.writing_id)
        )
        metadata = {"encoding": ENCODING, KEY_ID: self.writing_id.encode(), "encryption-cipher": _CIPHER}
        return Payload(metadata=metadata, data=nonce + sealed)

    def decrypt(self, payload: Payload) -> Payload:
        """The payload inside, or this one if it is not encrypted. Raises `PayloadUnreadable`, without contents."""
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get(KEY_ID, b"").decode("ascii", "replace")[:64]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise PayloadUnreadable(
                f"A payload is encrypted with the key {key_id!r}, which is not in TEMPORAL_CODEC_KEYS "
                f"(there: {', '.join(self._ciphers)}). Append that key again."
            )
        try:
            if len(payload.data) < _NONCE_BYTES + _TAG_BYTES:
                raise InvalidTag
            nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
            return Payload.FromString(cipher.decrypt(nonce, sealed, _associated_data(key_id)))
        except InvalidTag:
            raise PayloadUnreadable(
                f"A payload encrypted with the key {key_id!r} is damaged, or another key has that id in "
                "TEMPORAL_CODEC_KEYS than when it was written."
            ) from None

    def user_labels(self, user_name: str) -> tuple[str, ...]:
        """Labels of a user in visibility, which no codec encrypts: one keyed hash for each key; the first is written.

        A user always has the same labels, so that sessions can be found by user.
        """
        return tuple(hmac.new(key, user_name.encode(), hashlib.sha256).hexdigest()[:32] for key in self._label_keys)


class EncryptionCodec(PayloadCodec):
    """A key ring as a codec for Temporal's clients and workers."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt every payload."""
        return [self._keys.encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt every encrypted payload. Raises `PayloadUnreadable`."""
        return [self._keys.decrypt(payload) for payload in payloads]


def key_ring(settings: TemporalSettings) -> KeyRing | None:
    """The keys of `settings`; None without any. Raises `SetupError`."""
    text = settings.codec_keys.get_secret_value()
    return KeyRing.parse(text) if text.strip() else None


def user_values(keys: KeyRing | None, user_name: str) -> tuple[str, ...]:
    """Values of the user search attribute to search for. New sessions get the first one."""
    return (_plain_label(user_name),) if keys is None else keys.user_labels(user_name)


def _plain_label(user_name: str) -> str:
    """The name with escapes for characters that Temporal's SQL stores cannot search for (measured with server 1.29)."""
    label = "".join(f"%{ord(character):02X}" if character in "%'\"\\" else character for character in user_name)
    return label if len(label) <= _LABEL_CHARACTERS else hashlib.sha256(user_name.encode()).hexdigest()


def _read_key(encoded: str, where: str) -> bytes:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise SetupError(f"{where} is not base64. `openssl rand -base64 32` makes a key.") from None
    if len(key) != _KEY_BYTES:
        raise SetupError(f"{where} has {len(key)} bytes, not {_KEY_BYTES}. `openssl rand -base64 32` makes a key.")
    return key


def _associated_data(key_id: str) -> bytes:
    """The associated data of a payload: its format and the id of its key."""
    return b"temporal payload 1 " + key_id.encode()
