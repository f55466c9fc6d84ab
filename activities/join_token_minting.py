"""Mints a caller's LiveKit token: one room, two hours, and no right that a conversation does not need."""

from __future__ import annotations

from datetime import timedelta

from livekit import api

from contracts.join_token import TOKEN_TTL_SECONDS, JoinToken
from errors import JoinTokenFailed
from settings import LiveKitSettings


def mint_join_token(livekit: LiveKitSettings, session_id: str, identity: str, *, may_send_data: bool) -> JoinToken:
    """Sign a join token for the session's room. Raises `JoinTokenFailed` when LiveKit's key pair is not configured.

    The token has no display name: LiveKit's log holds it at level debug, with the token's claims.
    """
    if not livekit.configured:
        raise JoinTokenFailed("LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be set")
    grants = api.VideoGrants(
        room_join=True,
        room=session_id,
        can_publish=True,
        can_publish_sources=["microphone"],
        can_subscribe=True,
        can_publish_data=may_send_data,
        can_update_own_metadata=False,
    )
    token = (
        api.AccessToken(livekit.api_key, livekit.api_secret.get_secret_value())
        .with_identity(identity)
        .with_ttl(timedelta(seconds=TOKEN_TTL_SECONDS))
        .with_grants(grants)
        .to_jwt()
    )
    return JoinToken(
        session_id=session_id, room_name=session_id, identity=identity, token=token, server_url=livekit.client_url
    )
