"""An agent's line to its session's workflow: it claims its generation, then reports in order, off the media path."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode

from contracts.agent import AgentReady, Briefing, ClaimRequest, DispatchMetadata, ProviderChanged
from contracts.message import Message
from contracts.room import Presence
from contracts.turns import Turn
from workflows.voice_session import VoiceSession

logger = logging.getLogger("agent.workflow_link.workflow_client")

_CLAIM_SECONDS = 5.0
_TRANSCRIPT_TIMEOUT = timedelta(seconds=2)
_FIRST_RETRY_SECONDS = 0.2
_LONGEST_RETRY_SECONDS = 2.0


class SupersededError(Exception):
    """The session has ended or another agent serves it: leave, without having been heard."""


class WorkflowClient:
    """Signals go out one after the other, and again until Temporal has them: a turn is never lost or out of order."""

    def __init__(self, client: Client, metadata: DispatchMetadata) -> None:
        self._generation = metadata.generation
        self._handle: WorkflowHandle[VoiceSession, Any] = client.get_workflow_handle_for(
            VoiceSession.run, metadata.session_id
        )
        self._outbox: asyncio.Queue[tuple[Any, Message]] = asyncio.Queue()
        self._sender = asyncio.create_task(self._send_all())

    async def claim(self, identity: str) -> Briefing:
        """Take this generation and learn all there is to know. Raises `SupersededError`.

        Asked again, under the same id, until Temporal answers: by then the session may have given this agent up.
        """
        claim = ClaimRequest(generation=self._generation, identity=identity)
        while True:
            try:
                async with asyncio.timeout(_CLAIM_SECONDS):
                    return await self._handle.execute_update(VoiceSession.claim, claim, id=f"claim-{identity}")
            except WorkflowUpdateFailedError as error:
                raise SupersededError(str(error.cause or error)) from error
            except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
                if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                    raise SupersededError("the session has ended") from error
                logger.warning("Temporal did not take the claim, trying again: %s", type(error).__name__)
            await asyncio.sleep(_FIRST_RETRY_SECONDS)

    async def transcript(self) -> tuple[Turn, ...] | None:
        """All turns that the workflow has by now; None when it does not say in time, for a caller waits."""
        try:
            return await self._handle.query(VoiceSession.transcript, rpc_timeout=_TRANSCRIPT_TIMEOUT)
        except RPCError as error:
            logger.warning("Temporal did not give the transcript: %s", error.status.name)
            return None

    def ready(self, report: AgentReady) -> None:
        """Report that the agent is in the room and can speak."""
        self._outbox.put_nowait((VoiceSession.agent_ready, report))

    def presence(self, report: Presence) -> None:
        """Report that the caller came or went."""
        self._outbox.put_nowait((VoiceSession.presence, report))

    def provider_changed(self, report: ProviderChanged) -> None:
        """Report that a provider of speech failed, or is back."""
        self._outbox.put_nowait((VoiceSession.provider_changed, report))

    def turn(self, turn: Turn) -> None:
        """Report what was said."""
        self._outbox.put_nowait((VoiceSession.turn, turn))

    async def flush(self, timeout_seconds: float) -> bool:
        """Wait until every report has arrived; False when some had not by then."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._outbox.join()
        except TimeoutError:
            return False
        return True

    async def aclose(self) -> None:
        """Stop sending."""
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)

    async def _send_all(self) -> None:
        while True:
            signal, report = await self._outbox.get()
            await self._send(signal, report)
            self._outbox.task_done()

    async def _send(self, signal: Any, report: Message) -> None:
        pause = _FIRST_RETRY_SECONDS
        while True:
            try:
                return await self._handle.signal(signal, report)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None  # the session is over; there is nobody left to tell
                logger.warning("Temporal did not take a report, trying again: %s", error.status.name)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_RETRY_SECONDS)
