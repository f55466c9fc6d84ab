"""A session's activities as its workflow sees them. Imports only Temporal's decorator, so workflows may import it.

`activities.livekit_activities.LiveKitActivities` implements them; the tests have their own.
"""

from __future__ import annotations

from temporalio import activity

from contracts.agent import AdoptRequest, AgentOutcome, LaunchRequest
from contracts.customer_webhooks import WebhookRequest
from contracts.join_token import JoinToken, JoinTokenRequest
from contracts.room import RoomRequest, RoomView
from contracts.slots import RunningRequest, RunningSessions


class SessionActivities:
    """One input object and one result each; errors are `ApplicationError`s whose `type` is one of the above."""

    @activity.defn(name="issue_join_token")
    async def issue_join_token(self, request: JoinTokenRequest) -> JoinToken:
        """Make the room, where it is wanted, and a caller's token for it. Raises `JoinTokenFailed`."""
        raise NotImplementedError

    @activity.defn(name="look_at_room")
    async def look_at_room(self, request: RoomRequest) -> RoomView:
        """List the participants of the room, from LiveKit itself; probe its agents where that is wanted."""
        raise NotImplementedError

    @activity.defn(name="close_room")
    async def close_room(self, request: RoomRequest) -> RoomView:
        """Delete the room; returns who was in it. Safe to repeat."""
        raise NotImplementedError

    @activity.defn(name="deliver_webhook")
    async def deliver_webhook(self, request: WebhookRequest) -> None:
        """Deliver one customer webhook, at least once. Raises `WebhookNotTaken`, and `WebhookGone` for good."""
        raise NotImplementedError


class AgentActivities:
    """The activity of agent hosts; `agent.host.launcher.Launcher` implements it."""

    @activity.defn(name="launch_agent")
    async def launch_agent(self, request: LaunchRequest) -> AgentOutcome:
        """Start one generation's job, and wait until it has joined. Its host then heartbeats, and reports its end.

        Raises `JoinDeadline` when it did not join in time.
        """
        raise NotImplementedError

    @activity.defn(name="adopt_agent")
    async def adopt_agent(self, request: AdoptRequest) -> AgentOutcome:
        """Go on with a job that this host runs already, as `launch_agent` would from its join on.

        Raises `JobProcessEnded` if it is not there any more, and `AgentNotServing`.
        """
        raise NotImplementedError


class SlotActivities:
    """The activity of the slots; `activities.session_listing.SessionListing` implements it."""

    @activity.defn(name="running_sessions")
    async def running_sessions(self, request: RunningRequest) -> RunningSessions:
        """List the sessions that run. Those that are `known` are never missed, others only if they are seconds old."""
        raise NotImplementedError
