"""`activities.interface.SessionActivities` without LiveKit: tickets at once, an agent that stays until it is told."""

from __future__ import annotations

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.interface import TICKET_FAILED, SessionActivities
from contracts import AgentOutcome, LaunchRequest, RoomRequest, RoomView, Ticket, TicketRequest, WebhookRequest


class QuietActivities(SessionActivities):
    """Set `ticket_error` to have every ticket fail, clear `livekit_answers` to have rooms stay."""

    def __init__(self) -> None:
        self.ticket_error: str | None = None
        self.livekit_answers = asyncio.Event()
        self.livekit_answers.set()

    @activity.defn(name="issue_ticket")
    async def issue_ticket(self, request: TicketRequest) -> Ticket:
        """A ticket that opens nothing."""
        if self.ticket_error is not None:
            raise ApplicationError(self.ticket_error, type=TICKET_FAILED, non_retryable=True)
        return Ticket(
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
