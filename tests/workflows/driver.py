"""One session as a test drives it: its caller, its REST client and its clock, on either of Temporal's test servers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.testservice.v1 import LockTimeSkippingRequest, UnlockTimeSkippingRequest
from temporalio.client import WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateHandle, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from contracts.identities import caller_identity, new_session_id
from contracts.join_token import JoinToken
from contracts.limits import SessionLimits
from contracts.memo import memo_at_start
from contracts.room import Presence, RoomFinished
from contracts.search_attributes import at_start
from contracts.session import EndRequest, SessionRecord, SessionRequest, SessionSummary, SessionView
from contracts.statuses import AgentState, SessionStatus
from contracts.turns import Turn
from tests.fakes.activities import PATIENCE_SECONDS, FakeActivities, FakeAgent, Scene
from workflows.voice_session import VoiceSession

PATIENT = SessionLimits(agent_heartbeat_timeout_seconds=100_000)
"""The defaults, with agents that need not heartbeat while a test skips time."""


class Session:
    """A session of caller ann. Nothing is started before `start`."""

    def __init__(
        self, env: WorkflowEnvironment, fakes: FakeActivities, task_queue: str, limits: SessionLimits = PATIENT
    ) -> None:
        self._env = env
        self._task_queue = task_queue
        self.id = new_session_id(1_800_000_000)
        self.request = SessionRequest(
            session_id=self.id, user_name="ann", limits=limits, caller_identity=caller_identity(self.id)
        )
        self.scene: Scene = fakes.scene(self.id)
        self.handle: WorkflowHandle[VoiceSession, SessionRecord] = env.client.get_workflow_handle_for(
            VoiceSession.run, self.id
        )

    async def start(self, first_signal: Presence | None = None) -> None:
        await self._env.client.start_workflow(
            VoiceSession.run,
            self.request,
            id=self.id,
            task_queue=self._task_queue,
            search_attributes=at_start(self.request),
            start_signal="presence" if first_signal else None,
            start_signal_args=[first_signal] if first_signal else [],
        )

    async def join_token(self) -> WorkflowUpdateHandle[JoinToken]:
        """Start as the API does."""
        operation = WithStartWorkflowOperation(
            VoiceSession.run,
            self.request,
            id=self.id,
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=at_start(self.request),
            memo=memo_at_start(self.request, {"order": 7}),
        )
        return await self._env.client.start_update_with_start_workflow(
            VoiceSession.join_token,
            start_workflow_operation=operation,
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            id=f"{self.id}-join-token",
        )

    async def agent(self, *, ready: bool = True) -> FakeAgent:
        """The next generation; it has claimed its place and is ready."""
        agent = await self.scene.next_agent()
        if ready:
            await agent.claim()
            await agent.ready()
        return agent

    async def in_conversation(self) -> FakeAgent:
        """Started, with an agent, and the caller there."""
        await self.start()
        agent = await self.agent()
        await self.join()
        await self.until(SessionStatus.ACTIVE)
        return agent

    async def now_ms(self) -> int:
        return int((await self._env.get_current_time()).timestamp() * 1000)

    async def join(self, sid: str = "PA_1", at_ms: int | None = None) -> int:
        return await self._presence("joined", sid, at_ms)

    async def leave(self, sid: str = "PA_1", at_ms: int | None = None) -> int:
        return await self._presence("left", sid, at_ms)

    async def _presence(self, kind: Literal["joined", "left"], sid: str, at_ms: int | None) -> int:
        report = self.sighting(kind, sid, await self.now_ms() if at_ms is None else at_ms)
        await self.handle.signal(VoiceSession.presence, report)
        return report.at_ms

    def sighting(self, kind: Literal["joined", "left", "absent"], sid: str, at_ms: int) -> Presence:
        return Presence(participant_sid=sid, identity=self.request.caller, kind=kind, at_ms=at_ms, source="webhook")

    async def end(self, at_ms: int | None = None) -> None:
        request = EndRequest(at_ms=await self.now_ms() if at_ms is None else at_ms)
        await self.handle.signal(VoiceSession.end, request)

    async def room_finished(self) -> None:
        await self.handle.signal(VoiceSession.room_finished, RoomFinished(at_ms=await self.now_ms()))

    async def view(self) -> SessionView:
        """Ask again where the server gave the query to a worker that has just stopped."""
        while True:
            try:
                return await self.handle.query(VoiceSession.view, rpc_timeout=timedelta(seconds=3))
            except RPCError as error:
                if error.status not in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
                    raise

    async def until(self, state: SessionStatus | AgentState) -> SessionView:
        """Wait until the session, or its agent, is in this state."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                view = await self.view()
                if state in (view.state, view.agent_state):
                    return view
                await asyncio.sleep(0.02)

    async def result(self) -> SessionSummary:
        """The bill, which is a part of the record."""
        handle = self._env.client.get_workflow_handle(self.id, result_type=SessionSummary)
        async with asyncio.timeout(PATIENCE_SECONDS):
            summary: SessionSummary = await handle.result()
        return summary

    async def skip(self, seconds: float) -> None:
        """Let time pass at once. The test server stands still while activities are pending, so their holds are lifted.

        Never skip over a moment at which an activity ends: the server counts its hold off a second time.
        """
        clock = self._env.client.test_service
        pending = await self.looks_over()
        for _ in range(pending):
            await clock.unlock_time_skipping(UnlockTimeSkippingRequest())
        try:
            await self._env.sleep(timedelta(seconds=seconds))
        except RPCError as error:
            raise AssertionError(
                "the server's clock stands still: what ran before on it left something under way"
            ) from error
        for _ in range(pending):
            await clock.lock_time_skipping(LockTimeSkippingRequest())

    async def looks_over(self) -> int:
        """Wait until no look at the room is under way; returns the number of activities that still are.

        A session that closes before keeps the server's clock held for good.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                pending = (await self.handle.describe()).raw_description.pending_activities
                if all(each.activity_type.name != "look_at_room" for each in pending):
                    return len(pending)
                await asyncio.sleep(0.02)

    async def turns(self) -> tuple[Turn, ...]:
        return await self.handle.query(VoiceSession.transcript)

    async def details(self) -> str:
        """The current details that Temporal's UI shows of the session."""
        metadata = await self.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return str(metadata.current_details)

    async def settled(self) -> SessionSummary:
        """Wait for the bill, which may come before the clean-up is done."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if (summary := (await self.view()).summary) is not None:
                    return summary
                await asyncio.sleep(0.05)
