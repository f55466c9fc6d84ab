"""An agent's client of its session's workflow: claims the generation, then sends reports in order in the background."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError
from tenacity import wait_exponential, wait_fixed

from agent.workflow_link.retries import retry_outages
from contracts.agent import AgentReady, Briefing, ClaimRequest, JobMetadata, ProviderChanged
from contracts.message import Message
from contracts.room import Presence
from contracts.turns import Turn
from workflows.voice_session import VoiceSession

logger = logging.getLogger("agent.workflow_link.workflow_client")

_CLAIM_SECONDS = 5.0
_TRANSCRIPT_TIMEOUT = timedelta(seconds=2)
_FIRST_RETRY_SECONDS = 0.2
_BACKOFF = wait_exponential(multiplier=_FIRST_RETRY_SECONDS, max=2)


class SupersededError(Exception):
    """The session has ended or another agent serves it: leave without speaking."""


class WorkflowClient:
    """Sends one signal at a time and repeats it until Temporal accepts it: no turn is dropped or reordered."""

    def __init__(self, client: Client, metadata: JobMetadata) -> None:
        self._generation = metadata.generation
        self._handle: WorkflowHandle[VoiceSession, Any] = client.get_workflow_handle_for(
            VoiceSession.run, metadata.session_id
        )
        self._outbox: asyncio.Queue[tuple[Any, Message]] = asyncio.Queue()
        self._sender = asyncio.create_task(self._send_all())

    async def claim(self, identity: str) -> Briefing:
        """Claim the generation and return its briefing. Repeated under one update id until Temporal answers.

        Raises `SupersededError` if the workflow refuses.
        """
        claim = ClaimRequest(generation=self._generation, identity=identity)

        async def attempt() -> Briefing:
            try:
                async with asyncio.timeout(_CLAIM_SECONDS):
                    return await self._handle.execute_update(VoiceSession.claim, claim, id=f"claim-{identity}")
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                raise TimeoutError from error

        try:
            return await retry_outages(logger, "the claim", wait_fixed(_FIRST_RETRY_SECONDS))(attempt)
        except WorkflowUpdateFailedError as error:
            raise SupersededError(str(error.cause or error)) from error
        except RPCError as error:
            raise SupersededError("the session has ended") from error

    async def transcript(self) -> tuple[Turn, ...] | None:
        """Return all turns that the workflow knows; None if it does not answer soon, since the caller is waiting."""
        try:
            return await self._handle.query(VoiceSession.transcript, rpc_timeout=_TRANSCRIPT_TIMEOUT)
        except RPCError as error:
            logger.warning("could not query the transcript: %s", error.status.name)
            return None

    def ready(self, report: AgentReady) -> None:
        """Report that this agent has the floor."""
        self._outbox.put_nowait((VoiceSession.agent_ready, report))

    def presence(self, report: Presence) -> None:
        """Report that the caller joined or left."""
        self._outbox.put_nowait((VoiceSession.presence, report))

    def provider_changed(self, report: ProviderChanged) -> None:
        """Report that a speech provider failed or recovered."""
        self._outbox.put_nowait((VoiceSession.provider_changed, report))

    def turn(self, turn: Turn) -> None:
        """Report a turn of the caller or the agent."""
        self._outbox.put_nowait((VoiceSession.turn, turn))

    async def flush(self, timeout_seconds: float) -> bool:
        """Wait until every report is delivered; False after the timeout."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._outbox.join()
        except TimeoutError:
            return False
        return True

    async def aclose(self) -> None:
        """Stop sending; drop the reports not delivered yet."""
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)

    async def _send_all(self) -> None:
        while True:
            signal, report = await self._outbox.get()
            with suppress(RPCError):  # NOT_FOUND: the session has ended
                await retry_outages(logger, "a report", _BACKOFF)(self._handle.signal, signal, report)
            self._outbox.task_done()
