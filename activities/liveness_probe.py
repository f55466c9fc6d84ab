"""Whether an agent's process runs, though Temporal hears nothing of it: LiveKit calls it, and any answer is one."""

from __future__ import annotations

from livekit import api
from livekit.protocol.room import PerformRpcRequest, PerformRpcResponse

from contracts.agent import LIVENESS_PROBE_SECONDS

_METHOD = "sign_of_life"
"""No agent knows it: also "I do not know this method" is said by one who runs."""


async def answers_probe(livekit: api.LiveKitAPI, room: str, identity: str) -> bool:
    """Ask once. False only when the participant gave no answer in time; True also where the server cannot ask."""
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
