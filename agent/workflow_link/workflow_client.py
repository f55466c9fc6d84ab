"""A host's client of one session's workflow: claims the generation, then delivers its job's reports in order."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode
from tenacity import wait_exponential, wait_fixed

from agent.workflow_link.retries import retry_outages
from contracts.agent import MAX_REPORTS, AgentReport, AgentReports, Briefing, ClaimRequest
from contracts.turns import Turn
from workflows.voice_session import VoiceSession

logger = logging.getLogger("agent.workflow_link.workflow_client")

_CLAIM_SECONDS = 5.0
_DESCRIBE_TIMEOUT = timedelta(seconds=2)
_TRANSCRIPT_TIMEOUT = timedelta(seconds=2)
_FIRST_RETRY_SECONDS = 0.2
_BACKOFF = wait_exponential(multiplier=_FIRST_RETRY_SECONDS, max=2)
_PAUSE_SECONDS = 0.3
"""Between two signals of one agent: every signal is an action and four events of the session's history."""
_PARTIAL_SECONDS = 1.0
"""The part of an answer that was heard so far waits so long for more: it is only for a successor, should the host die.
"""


class RefusedError(Exception):
    """The workflow does not want this generation: the session has ended or another agent serves it."""


class WorkflowClient:
    """Sends one signal at a time and repeats it until Temporal accepts it: no report is dropped or reordered.

    Reports that come while it waits go together. Of an answer that is still spoken only the latest part goes.
    """

    def __init__(self, client: Client, session_id: str, generation: int) -> None:
        self.generation = generation
        self._handle: WorkflowHandle[VoiceSession, Any] = client.get_workflow_handle_for(VoiceSession.run, session_id)
        self._waiting: list[AgentReport] = []
        self._wanted = asyncio.Event()
        self._urgent = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sender = asyncio.create_task(self._send_all())

    async def claim(self, identity: str, host: str = "") -> Briefing:
        """Claim the generation for a job of `host` and return its briefing.

        Repeated under one update id until Temporal answers. Raises `RefusedError` if the workflow refuses.
        """
        claim = ClaimRequest(generation=self.generation, identity=identity, host=host)

        async def attempt() -> Briefing:
            try:
                async with asyncio.timeout(_CLAIM_SECONDS):
                    return await self._handle.execute_update(VoiceSession.claim, claim, id=f"claim-{identity}")
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                raise TimeoutError from error

        try:
            return await retry_outages(logger, "the claim", wait_fixed(_FIRST_RETRY_SECONDS))(attempt)
        except WorkflowUpdateFailedError as error:
            raise RefusedError(str(error.cause or error)) from error
        except RPCError as error:
            raise RefusedError("the session has ended") from error

    async def is_over(self) -> bool:
        """True if Temporal says that the session's workflow has ended, in whatever way."""
        try:
            description = await self._handle.describe(rpc_timeout=_DESCRIBE_TIMEOUT)
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        return description.status is not WorkflowExecutionStatus.RUNNING

    async def transcript(self) -> tuple[Turn, ...] | None:
        """Return all turns that the workflow knows; None if it does not answer soon, since the caller is waiting."""
        try:
            return await self._handle.query(VoiceSession.transcript, rpc_timeout=_TRANSCRIPT_TIMEOUT)
        except RPCError as error:
            logger.warning("could not query the transcript: %s", error.status.name)
            return None

    def report(self, report: AgentReport) -> None:
        """Deliver this report, after those before it."""
        if self._waiting and _is_replaced_by(self._waiting[-1], report):
            self._waiting.pop()
        self._waiting.append(report)
        self._idle.clear()
        self._wanted.set()
        if not _is_partial(report):
            self._urgent.set()

    async def flush(self, timeout_seconds: float) -> bool:
        """Wait until every report is delivered; False after the timeout."""
        self._urgent.set()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def aclose(self) -> None:
        """Stop sending; drop the reports not delivered yet."""
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)

    async def _send_all(self) -> None:
        sent_at, number = float("-inf"), 0
        while True:
            await self._wanted.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), _PARTIAL_SECONDS)
            await asyncio.sleep(max(0.0, sent_at + _PAUSE_SECONDS - monotonic()))
            reports, self._waiting = self._waiting[:MAX_REPORTS], self._waiting[MAX_REPORTS:]
            if not self._waiting:
                self._wanted.clear()
                self._urgent.clear()
            number += 1
            with suppress(RPCError):  # NOT_FOUND: the session has ended
                batch = AgentReports(reports=tuple(reports), generation=self.generation, number=number)
                await retry_outages(logger, "a report", _BACKOFF)(
                    self._handle.signal, VoiceSession.agent_reports, batch
                )
            sent_at = monotonic()
            if not self._waiting:
                self._idle.set()


def _is_partial(report: AgentReport) -> bool:
    """True for the part of an answer that was heard so far."""
    return report.turn is not None and not report.turn.final


def _is_replaced_by(earlier: AgentReport, later: AgentReport) -> bool:
    before, after = earlier.turn, later.turn
    if before is None or after is None or before.final:
        return False
    return (before.generation, before.sequence) == (after.generation, after.sequence)
