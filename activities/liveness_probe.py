"""Probes an agent's process through LiveKit when Temporal has no heartbeat of it: any answer proves that it runs."""

from __future__ import annotations

from livekit import api
from livekit.protocol.room import PerformRpcRequest, PerformRpcResponse

from contracts.agent import LIVENESS_PROBE_SECONDS

_METHOD = "liveness_probe"
"""No agent has this method: the error "unsupported method" is an answer too."""


async def answers_probe(livekit: api.LiveKitAPI, room: str, identity: str) -> bool:
    """Probe once. False only if the participant did not answer in time; True also where the server cannot ask."""
    request = PerformRpcRequest(
        room=room,
        destination_identity=identity,
        method=_METHOD,
        response_timeout_ms=round(LIVENESS_PROBE_SECONDS * 1000),
    )
    # livekit-api has the messages but no method for this call; this is what its methods do.
    service = livekit.room
    allowed = service._auth_header(api.VideoGrants(room_admin=True, room=room))
    try:
        await service._client.request("RoomService", "PerformRpc", request, allowed, PerformRpcResponse)
    except api.TwirpError as error:
        return error.code != api.TwirpErrorCode.CANCELED
    return True
