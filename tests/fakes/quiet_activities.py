"""`activities.interface.SessionActivities` without LiveKit: join tokens at once, agents that stay until told."""

from __future__ import annotations

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.interface import AgentActivities, SessionActivities
from contracts.agent import AgentOutcome, LaunchRequest
from contracts.customer_webhooks import WebhookRequest
from contracts.failures import JOIN_TOKEN_FAILED
from contracts.join_token import JoinToken, JoinTokenRequest
from contracts.room import RoomRequest, RoomView


class QuietActivities(SessionActivities, AgentActivities):
    """Set `join_token_error` to have every join token fail, clear `livekit_answers` to have rooms stay."""

    def __init__(self) -> None:
        self.join_token_error: str | None = None
        self.livekit_answers = asyncio.Event()
        self.livekit_answers.set()

    @activity.defn(name="issue_join_token")
    async def issue_join_token(self, request: JoinTokenRequest) -> JoinToken:
        """A join token that opens nothing."""
        if self.join_token_error is not None:
            raise ApplicationError(self.join_token_error, type=JOIN_TOKEN_FAILED, non_retryable=True)
        return JoinToken(
            session_id=request.session_id,
            room_name=request.session_id,
            identity=request.identity,
            token="header.claims.signature",
            server_url="wss://livekit.example",
        )

    @activity.defn(name="launch_agent")
    async def launch_agent(self, request: LaunchRequest) -> AgentOutcome:
        """An agent that heartbeats until it is cancelled."""
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.2)

    @activity.defn(name="look_at_room")
    async def look_at_room(self, request: RoomRequest) -> RoomView:
        """An empty room."""
        return RoomView()

    @activity.defn(name="close_room")
    async def close_room(self, request: RoomRequest) -> RoomView:
        """Done once LiveKit answers."""
        await self.livekit_answers.wait()
        return RoomView()

    @activity.defn(name="deliver_webhook")
    async def deliver_webhook(self, request: WebhookRequest) -> None:
        """Taken by nobody in particular."""
