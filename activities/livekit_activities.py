"""Implements the activities of a session on LiveKit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import aiohttp
from livekit import api
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.interface import SessionActivities
from activities.join_token_minting import mint_join_token
from activities.rooms import Rooms
from activities.webhook_sender import WebhookSender
from connections.dispatch_seal import Sealer
from contracts.agent import AgentOutcome, DispatchMetadata, LaunchRequest
from contracts.customer_webhooks import WebhookRequest
from contracts.failures import JOIN_DEADLINE, JOIN_TOKEN_FAILED
from contracts.join_token import JoinToken, JoinTokenRequest
from contracts.room import RoomRequest, RoomView
from errors import JoinTokenFailed
from settings import Settings
from telemetry.traces import traceparent

_LOOK_EVERY_SECONDS = 0.2
_LOOKS_PER_DISPATCH = 15
_LOOKS_FOR_A_SUCCESSOR = 6
"""Of the first dispatch for a caller who waits in silence. LiveKit that has just started has no AgentServers yet."""
_LIVEKIT_ERRORS = (api.TwirpError, aiohttp.ClientError, TimeoutError)


class LiveKitActivities(SessionActivities):
    """Side effects of sessions; one instance serves all of a worker's. Raises `SetupError` for bad settings."""

    def __init__(self, settings: Settings, livekit: api.LiveKitAPI) -> None:
        self._settings = settings
        self._rooms = Rooms(livekit, settings.agent.name)
        self._sealer = Sealer(settings.livekit.api_secret.get_secret_value())
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
        except _LIVEKIT_ERRORS as error:
            raise ApplicationError(
                f"LiveKit did not make the room: {_message(error)}", type=JOIN_TOKEN_FAILED
            ) from error
        return join_token

    @activity.defn(name="launch_agent")
    async def launch_agent(self, request: LaunchRequest) -> AgentOutcome:
        """See the interface. A dispatch proves nothing (it may find no AgentServer): only an agent in the room does."""
        metadata = DispatchMetadata(
            session_id=request.session_id,
            generation=request.generation,
            sealed_task_token=self._sealer.seal(activity.info().task_token),
            traceparent=traceparent(),
        )
        try:
            async with asyncio.timeout(request.join_deadline_seconds), asyncio.TaskGroup() as beside:
                # LiveKit takes 0.2 s to choose an AgentServer: what is dead is out of the room before anybody comes.
                beside.create_task(self._make_way(request))
                looks = _LOOKS_FOR_A_SUCCESSOR if request.generation > 1 else _LOOKS_PER_DISPATCH
                while not await self._dispatch_and_look(request, metadata, looks):
                    activity.logger.warning("no agent has taken the dispatch yet: dispatching again")
                    looks = _LOOKS_PER_DISPATCH
        except TimeoutError as error:
            raise ApplicationError(
                f"no agent joined within {request.join_deadline_seconds:g} s; is an AgentServer running?",
                type=JOIN_DEADLINE,
            ) from error
        activity.raise_complete_async()

    async def _make_way(self, request: LaunchRequest) -> None:
        """See that no dead agent is in the room."""
        if request.generation > 1 and not request.predecessor_may_live:
            await _until_livekit_answers(
                partial(self._rooms.clear_agents, request.session_id, before=request.generation)
            )
        elif request.predecessor_is_silent:
            await _until_livekit_answers(
                partial(self._rooms.remove_unresponsive, request.session_id, before=request.generation)
            )

    async def _dispatch(self, request: LaunchRequest, metadata: DispatchMetadata) -> None:
        await self._rooms.create(request.session_id, request.timeouts)  # a restarted LiveKit has none
        await self._rooms.dispatch(request.session_id, metadata)

    async def _dispatch_and_look(self, request: LaunchRequest, metadata: DispatchMetadata, looks: int) -> bool:
        """Dispatch once and wait a few seconds; whether the agent is there.

        LiveKit loses dispatches, and gives some to servers that stand still; of a self-hosted one nobody learns whether
        a dispatch was taken. One too many is harmless: only one job may claim a generation.
        """
        await _until_livekit_answers(partial(self._dispatch, request, metadata))
        for _ in range(looks):
            if await self._has_arrived(request):
                return True
            activity.heartbeat("waiting for the agent to join")
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        return False

    async def _has_arrived(self, request: LaunchRequest) -> bool:
        try:
            return await self._rooms.has_arrived(request.session_id, request.generation)
        except _LIVEKIT_ERRORS:
            return False

    @activity.defn(name="look_at_room")
    async def look_at_room(self, request: RoomRequest) -> RoomView:
        """See the interface."""
        return await self._rooms.look(request.session_id)

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


async def _until_livekit_answers(call: Callable[[], Awaitable[None]]) -> None:
    """Repeat while LiveKit does not answer; the join deadline bounds it."""
    while True:
        activity.heartbeat("asking LiveKit for an agent")
        try:
            return await call()
        except _LIVEKIT_ERRORS as error:
            activity.logger.warning("LiveKit does not answer, trying again: %s", _message(error))
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


def _message(error: BaseException) -> str:
    return error.message if isinstance(error, api.TwirpError) else str(error) or type(error).__name__
