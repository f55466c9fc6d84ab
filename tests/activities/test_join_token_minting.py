"""The rights of a caller's token."""

from __future__ import annotations

import time

import pytest
from livekit import api
from pydantic import SecretStr

from activities.join_token_minting import mint_join_token
from errors import JoinTokenFailed
from settings import LiveKitSettings

LIVEKIT = LiveKitSettings(url="ws://inside:7880", api_key="key", api_secret=SecretStr("s" * 32))
SESSION = "session_1234567890_abc123"


def claims(*, may_send_data: bool = False) -> api.access_token.Claims:
    join_token = mint_join_token(LIVEKIT, SESSION, "caller_1", may_send_data=may_send_data)
    return api.TokenVerifier("key", "s" * 32).verify(join_token.token)


def test_a_join_token_names_its_room_and_caller() -> None:
    join_token = mint_join_token(LIVEKIT, SESSION, "caller_1", may_send_data=False)
    assert (join_token.session_id, join_token.room_name, join_token.identity) == (SESSION, SESSION, "caller_1")
    assert join_token.server_url == "ws://inside:7880"
    assert claims().identity == "caller_1"
    assert not claims().name, "LiveKit logs it"


def test_callers_get_the_public_address() -> None:
    livekit = LIVEKIT.model_copy(update={"public_url": "wss://outside"})
    assert mint_join_token(livekit, SESSION, "caller_1", may_send_data=False).server_url == "wss://outside"


def test_a_join_token_opens_one_room_for_a_microphone() -> None:
    video = claims().video
    assert video is not None
    assert (video.room_join, video.room, video.can_publish, video.can_subscribe) == (True, SESSION, True, True)
    assert video.can_publish_sources == ["microphone"]
    assert (video.can_publish_data, video.can_update_own_metadata) == (False, False)
    assert not any((video.room_create, video.room_list, video.room_admin, video.room_record, video.ingress_admin))
    assert not any((video.hidden, video.recorder, video.agent))


@pytest.mark.parametrize("is_on", [False, True])
def test_data_is_allowed_only_with_text_input(is_on: bool) -> None:
    video = claims(may_send_data=is_on).video
    assert video is not None
    assert video.can_publish_data is is_on


def test_a_join_token_is_valid_for_two_hours() -> None:
    import jwt  # noqa: PLC0415  livekit-api's own dependency

    token = mint_join_token(LIVEKIT, SESSION, "caller_1", may_send_data=False).token
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]
    assert abs(expires - time.time() - 7200) < 5


@pytest.mark.parametrize("missing", ["url", "api_key", "api_secret"])
def test_without_a_key_pair_there_is_no_join_token(missing: str) -> None:
    nothing = SecretStr("") if missing == "api_secret" else ""
    with pytest.raises(JoinTokenFailed, match="must be set"):
        mint_join_token(LIVEKIT.model_copy(update={missing: nothing}), SESSION, "caller_1", may_send_data=False)
