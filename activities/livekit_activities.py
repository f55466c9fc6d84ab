"""Implements the activities of a session on LiveKit."""

from __future__ import annotations

from livekit import api
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.interface import SessionActivities
from activities.join_token_minting import mint_join_token
from activities.rooms import LIVEKIT_ERRORS, Rooms
from activities.webhook_sender import WebhookSender
from contracts.customer_webhooks import WebhookRequest
from contracts.failures import JOIN_TOKEN_FAILED
from contracts.join_token import JoinToken, JoinTokenRequest
from contracts.room import RoomRequest, RoomView
from errors import JoinTokenFailed
from settings import Settings


class LiveKitActivities(SessionActivities):
    """Side effects of sessions; one instance serves all of a worker's. Raises `SetupError` for bad settings."""

    def __init__(self, settings: Settings, livekit: api.LiveKitAPI) -> None:
        self._settings = settings
        self._rooms = Rooms(livekit)
        self._webhooks = WebhookSender(settings.webhooks)

    @activity.defn(name="issue_join_token")
    async def issue_join_token(self, request: JoinTokenRequest) -> JoinToken:
        """See the interface. The room is made here, so that a caller with a join token can join at once."""
        try:
            join_token = mint_join_token(
                self._settings.livekit,
                request.session_id,
                request.identity,
                may_send_data=self._settings.agent.text_input,
            )
            if request.timeouts is not None:
                await self._rooms.create(request.session_id, request.timeouts)
        except JoinTokenFailed as error:
            raise ApplicationError(str(error), type=JOIN_TOKEN_FAILED, non_retryable=True) from error
        except LIVEKIT_ERRORS as error:
            raise ApplicationError(
                f"LiveKit did not make the room: {_message(error)}", type=JOIN_TOKEN_FAILED
            ) from error
        return join_token

    @activity.defn(name="look_at_room")
    async def look_at_room(self, request: RoomRequest) -> RoomView:
        """See the interface."""
        view = await self._rooms.look(request.session_id)
        return await self._rooms.probed(request.session_id, view) if request.probe_agents else view

    @activity.defn(name="close_room")
    async def close_room(self, request: RoomRequest) -> RoomView:
        """See the interface. The look comes first: it has the caller's exact time of joining."""
        view = await self._rooms.look(request.session_id)
        if not await self._rooms.delete(request.session_id):
            raise ApplicationError("LiveKit still has the room: somebody came in while it was being deleted")
        return view

    @activity.defn(name="deliver_webhook")
    async def deliver_webhook(self, request: WebhookRequest) -> None:
        """See the interface."""
        await self._webhooks.deliver(request)


def _message(error: BaseException) -> str:
    return error.message if isinstance(error, api.TwirpError) else str(error) or type(error).__name__
