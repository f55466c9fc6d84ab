"""Encrypted payloads are decrypted with the right key, and refused otherwise."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError, FailureError

from connections.payload_encryption import ENCODING, KEY_ID, EncryptionCodec, KeyRing, key_ring, user_values
from connections.temporal_client import data_converter
from contracts.agent_options import AgentOptions
from contracts.session import SessionRequest
from errors import PayloadUnreadable, SetupError
from settings import TemporalSettings

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
RING = KeyRing({"new": NEW, "old": OLD})
SECRET = "You are a pirate."

payloads = st.builds(
    Payload, metadata=st.dictionaries(st.text(max_size=20), st.binary(max_size=20), max_size=4), data=st.binary()
)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


@given(payloads)
def test_round_trip(payload: Payload) -> None:
    encrypted = RING.encrypt(payload)
    assert encrypted.metadata["encoding"] == ENCODING
    assert RING.decrypt(encrypted) == payload


@given(payloads, st.data())
def test_any_flipped_bit_is_refused(payload: Payload, data: st.DataObject) -> None:
    encrypted = RING.encrypt(payload)
    bit = data.draw(st.integers(0, len(encrypted.data) * 8 - 1))
    changed = bytearray(encrypted.data)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PayloadUnreadable):
        RING.decrypt(Payload(metadata=encrypted.metadata, data=bytes(changed)))


@given(payloads, st.data())
def test_any_flipped_bit_of_the_key_id_is_refused(payload: Payload, data: st.DataObject) -> None:
    encrypted = RING.encrypt(payload)
    bit = data.draw(st.integers(0, len(b"new") * 8 - 1))
    changed = bytearray(encrypted.metadata[KEY_ID])
    changed[bit // 8] ^= 1 << bit % 8
    encrypted.metadata[KEY_ID] = bytes(changed)
    with pytest.raises(PayloadUnreadable):
        RING.decrypt(encrypted)


@given(st.binary(max_size=64))
def test_random_data_is_refused(data: bytes) -> None:
    with pytest.raises(PayloadUnreadable):
        RING.decrypt(Payload(metadata={"encoding": ENCODING, KEY_ID: b"new"}, data=data))


def test_same_key_under_another_id_is_refused() -> None:
    encrypted = RING.encrypt(Payload(data=b"x"))
    encrypted.metadata[KEY_ID] = b"other"
    with pytest.raises(PayloadUnreadable):
        KeyRing({"other": NEW}).decrypt(encrypted)


def test_unencrypted_payloads_are_still_read() -> None:
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b'"x"')
    assert RING.decrypt(plain) == plain


def test_nonces_differ() -> None:
    assert RING.encrypt(Payload(data=b"x")) != RING.encrypt(Payload(data=b"x"))


def test_rotated_keys_still_decrypt() -> None:
    encrypted = KeyRing({"old": OLD}).encrypt(Payload(data=b"x"))
    assert RING.decrypt(encrypted).data == b"x"
    assert RING.encrypt(Payload(data=b"x")).metadata[KEY_ID] == b"new"


@pytest.mark.parametrize(
    ("encrypted", "message"),
    [
        (KeyRing({"gone": OLD}).encrypt(Payload(data=b"contents")), r"'gone', which is not in.*new, old.*Append"),
        (KeyRing({"new": OLD}).encrypt(Payload(data=b"contents")), r"'new' is damaged, or another key has that id"),
        (Payload(metadata={"encoding": ENCODING}, data=b"contents"), r"with the key '', which"),
        (Payload(metadata={"encoding": ENCODING, KEY_ID: b"\xff" * 99}, data=b"contents"), r"\ufffd{64}', which"),
    ],
)
def test_refusal_names_the_key_without_contents(encrypted: Payload, message: str) -> None:
    with pytest.raises(PayloadUnreadable, match=message) as refused:
        RING.decrypt(encrypted)
    assert "contents" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("justakey", "Entry 1 .* does not begin with an id"),
        (f"a b:{_text(OLD)}", "Entry 1 .* does not begin with an id"),
        (f"a:{_text(OLD)},", "Entry 2 .* does not begin with an id"),
        (f"a:{_text(OLD)},a:{_text(NEW)}", "Entry 2 .* repeats the id of an earlier one, a"),
        ("a:justakey!", "Entry 1 .*, a, is not base64"),
        ("a:", "Entry 1 .*, a, has 0 bytes, not 32"),
        (f"a:{_text(OLD[:16])}", "Entry 1 .*, a, has 16 bytes, not 32"),
    ],
)
def test_invalid_keys_are_named_by_position(text: str, message: str) -> None:
    with pytest.raises(SetupError, match=message) as refused:
        KeyRing.parse(text)
    assert "justakey" not in str(refused.value)


def test_keys_are_parsed_from_settings() -> None:
    urlsafe = base64.urlsafe_b64encode(b"\xfb" * 32).decode()
    ring = key_ring(TemporalSettings(codec_keys=SecretStr(f" new:{_text(NEW)} , 2026-11:{urlsafe}")))
    assert ring is not None
    assert RING.decrypt(ring.encrypt(Payload(data=b"x"))).data == b"x"
    assert key_ring(TemporalSettings()) is None


def test_user_has_one_label_for_each_key() -> None:
    labels = RING.user_labels("ann")
    assert labels == (*KeyRing({"x": NEW}).user_labels("ann"), *KeyRing({"x": OLD}).user_labels("ann"))
    assert len({*labels, *RING.user_labels("bob")}) == 4
    assert all(len(label) == 32 for label in labels)


def test_user_value_is_the_name_without_keys() -> None:
    assert user_values(None, "ann") == ("ann",)
    assert user_values(RING, "ann") == RING.user_labels("ann")


async def test_models_and_failures_are_encrypted() -> None:
    converter = data_converter(TemporalSettings(codec_keys=SecretStr(f"k:{_text(OLD)}")))
    assert isinstance(converter.payload_codec, EncryptionCodec)
    request = SessionRequest(session_id="session_1", user_name="ann", options=AgentOptions(system_prompt=SECRET))
    (encrypted,) = await converter.encode([request])
    assert SECRET.encode() not in encrypted.SerializeToString()
    assert await converter.decode([encrypted], [SessionRequest]) == [request]

    failure = Failure()
    error = ApplicationError(SECRET, {"detail": SECRET}, type="JoinTokenFailed")
    error.__cause__ = ValueError(SECRET)
    await converter.encode_failure(error, failure)
    assert SECRET.encode() not in failure.SerializeToString()
    assert failure.application_failure_info.type == "JoinTokenFailed"
    read = await converter.decode_failure(failure)
    assert isinstance(read, FailureError)
    assert read.message == SECRET
