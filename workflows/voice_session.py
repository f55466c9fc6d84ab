"""The durable story of one voice session. It owns every decision and timer; whatever else dies, it goes on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.interface import SUPERSEDED, TICKET_FAILED
    from contracts import (
        AgentOutcome,
        AgentReady,
        AgentState,
        Briefing,
        ClaimRequest,
        EndReason,
        EndRequest,
        Presence,
        RoomFinished,
        SessionRequest,
        SessionState,
        SessionSummary,
        SessionView,
        Ticket,
        Turn,
    )
    from identities import caller_identity
    from workflows import calls
    from workflows.agent_watch import AgentWatch, briefing
    from workflows.bill import settle
    from workflows.deadlines import Deadline, next_deadline
    from workflows.presence import CallerPresence
    from workflows.search_attributes import DURATION, END_REASON, STATE
    from workflows.story import tell
    from workflows.transcript import Transcript

_BILL_WAITS_SECONDS = 3
"""How long the bill waits for a last look at the room before it is made from what is known."""
_ROOM_NOT_DELETED = "LiveKit has not confirmed yet that the room is deleted; it is tried until it does."


@workflow.defn(name="VoiceSession")
class VoiceSession:
    """One call: ticket, agent generations, conversation, clean-up, bill. Its id is the session's and the room's."""

    @workflow.init
    def __init__(self, request: SessionRequest) -> None:
        # Signals and updates may be handled before run() begins: everything they touch is made here.
        self._request = request
        self._limits = request.limits
        self._started_at = workflow.now().timestamp()
        self._caller = CallerPresence(caller_identity(request.user_name), int(self._started_at * 1000))
        self._agent = AgentWatch(self._started_at, request.limits.agent_max_losses_per_minute)
        self._transcript = Transcript()
        self._ticket: Ticket | None = None
        self._ticket_error: str | None = None
        self._launch: workflow.ActivityHandle[AgentOutcome] | None = None
        self._losses: list[str] = []
        self._looked_at = 0.0
        self._end_reason: EndReason | None = None
        self._ended_at_ms = 0
        self._summary: SessionSummary | None = None
        self._told_state = SessionState.STARTING

    @workflow.run
    async def run(self, request: SessionRequest) -> SessionSummary:
        """A session from start to bill. A cancellation from outside is one more reason to end, never a way out."""
        self._tell()
        agents: asyncio.Task[None] | None = None
        try:
            # The ticket first and by itself, so that the API can answer at once.
            self._ticket = await calls.issue_ticket(request)
            agents = asyncio.create_task(self._keep_an_agent())
            await self._conversation()
        except (asyncio.CancelledError, FailureError) as error:  # a local activity's failure comes unwrapped
            self._end(EndReason.CANCELLED if is_cancelled_exception(error) else EndReason.ERROR)
            self._ticket_error = calls.cause(error)
        return await calls.uninterrupted(self._close(agents))

    # 1. The agent: one activity a generation, so that the UI shows each that served the session and why it went.

    async def _keep_an_agent(self) -> None:
        while self._end_reason is None:
            loss = await self._one_generation()
            if self._is_ending():  # asked afresh: it may have changed while the agent served
                break
            arrived = self._agent.state is AgentState.READY
            self._losses.append(f"generation {self._agent.generation} was lost: {calls.cause(loss)}")
            self._agent.lost(_now(), counts=not calls.missed_its_deadline(loss))
            if self._agent.crash_looping:
                self._end(EndReason.AGENT_UNAVAILABLE)
            self._tell()
            if not arrived and self._end_reason is None:
                await workflow.sleep(self._limits.agent_relaunch_pause_seconds)
        self._agent.state = AgentState.STOPPED

    async def _one_generation(self) -> BaseException | AgentOutcome:
        """Launch the next agent and wait until it is gone; returns how it went."""
        self._launch = calls.launch_agent(self._request, self._agent.launch())
        self._tell()
        try:
            return await self._launch
        except ActivityError as error:
            return error

    # 2. The conversation: until somebody ends it or a timer does.

    async def _conversation(self) -> None:
        while self._end_reason is None:
            deadline = self._next_deadline()
            try:
                await workflow.wait_condition(
                    partial(self._has_news_since, deadline),
                    timeout=max(0.0, deadline.at - _now()),
                    timeout_summary=deadline.reason,
                )
            except TimeoutError:
                if not deadline.rests_on_absence or await self._is_absent():
                    self._end(deadline.reason)

    def _has_news_since(self, deadline: Deadline) -> bool:
        return self._is_ending() or self._next_deadline() != deadline

    def _is_ending(self) -> bool:
        return self._end_reason is not None

    def _next_deadline(self) -> Deadline:
        return next_deadline(
            self._limits, self._caller, self._agent, started_at=self._started_at, looked_at=self._looked_at
        )

    async def _is_absent(self) -> bool:
        """Ask LiveKit itself whether the caller is gone: reports can be lost. Unknown is not gone: ask again later."""
        self._looked_at = _now()
        look = calls.look_at_room(self._request)
        await workflow.wait_condition(lambda: look.done() or self._is_ending())
        if self._is_ending():  # a look that takes its time delays nobody's end
            look.cancel()
            return False
        try:
            view = await look
        except ActivityError:
            return False
        for sighting in view.callers:
            self._caller.note(sighting)
        return not self._caller.present

    # 3. The end: one path for every reason.

    async def _close(self, agents: asyncio.Task[None] | None) -> SessionSummary:
        if agents is None:
            self._agent.state = AgentState.STOPPED
        self._tell()
        if self._ticket is None and self._end_reason is EndReason.ERROR:
            self._settle_bill()  # nothing was made, so there is nothing to clean up
        else:
            await self._clean_up(agents)
        self._confirm(agent_stopped=True, room_deleted=True, workflow_completed=True, errors=())
        self._tell()
        await workflow.wait_condition(workflow.all_handlers_finished)
        assert self._summary is not None  # noqa: S101  settled on both branches
        return self._summary

    async def _clean_up(self, agents: asyncio.Task[None] | None) -> None:
        if self._launch is not None:
            self._launch.cancel()
        if agents is not None and not self._agent.claimed:
            await agents  # a launch still under way could dispatch into a room that is already deleted: it stops first
        closing = asyncio.create_task(self._close_room())
        done, _ = await workflow.wait([closing], timeout=_BILL_WAITS_SECONDS)
        self._settle_bill()
        if not done:
            self._confirm(errors=(_ROOM_NOT_DELETED,))
            await closing
        self._confirm(room_deleted=True, errors=())
        if agents is not None:
            await agents

    async def _close_room(self) -> None:
        view = await calls.close_room(self._request)
        for sighting in view.callers:
            self._caller.note(sighting)

    def _settle_bill(self) -> None:
        """Compute the bill once. From here on every answer gives this one, however long the clean-up takes."""
        assert self._end_reason is not None  # noqa: S101  only a session that ends is billed
        self._summary = settle(self._request.session_id, self._end_reason, self._ended_at_ms, self._caller, self._agent)

    def _confirm(self, **what: Any) -> None:
        assert self._summary is not None  # noqa: S101  called after the bill is settled
        self._summary = self._summary.model_copy(update=what)

    def _end(self, reason: EndReason, at_ms: int | None = None) -> None:
        """End the conversation; the first reason stands. A time from outside never lies beyond the session's own."""
        if self._end_reason is None:
            self._end_reason = reason
            now_ms = int(_now() * 1000)
            self._ended_at_ms = now_ms if at_ms is None else max(int(self._started_at * 1000), min(at_ms, now_ms))

    # What the world tells the session.

    @workflow.update
    async def ticket(self) -> Ticket:
        """What the caller needs to join. Fails with type `TicketFailed`."""
        await workflow.wait_condition(lambda: self._ticket is not None or self._end_reason is not None)
        if self._ticket is None:
            raise ApplicationError(self._ticket_error or "the session ended before it began", type=TICKET_FAILED)
        return self._ticket

    @workflow.update
    def claim(self, claim: ClaimRequest) -> Briefing:
        """An agent's job takes its generation, before it does anything in the room. Refused with type `Superseded`."""
        self._agent.claim(claim)
        return briefing(self._request, claim.generation, self._transcript.turns)

    @claim.validator
    def _validate_claim(self, claim: ClaimRequest) -> None:
        if self._end_reason is not None or not self._agent.may_claim(claim):
            raise ApplicationError(f"generation {claim.generation} is not wanted any more", type=SUPERSEDED)

    @workflow.signal
    def agent_ready(self, report: AgentReady) -> None:
        """The agent is connected and can speak."""
        self._agent.ready(report)
        self._tell()

    @workflow.signal
    def turn(self, turn: Turn) -> None:
        """Something was said; repeated reports count once."""
        if turn.generation <= self._agent.generation:
            self._transcript.note(turn)
            self._tell()

    @workflow.signal
    def presence(self, report: Presence) -> None:
        """The caller was seen to come or go."""
        self._caller.note(report)
        self._tell()

    @workflow.signal
    def room_finished(self, report: RoomFinished) -> None:
        """LiveKit closed the room."""
        self._end(EndReason.ROOM_FINISHED, report.at_ms)

    @workflow.signal
    def end(self, request: EndRequest) -> None:
        """The REST client ends the session."""
        self._end(EndReason.API_REQUEST, request.at_ms)

    @workflow.query
    def view(self) -> SessionView:
        """Where the session stands."""
        return SessionView(
            session_id=self._request.session_id,
            user_name=self._request.user_name,
            state=self._state,
            agent_state=self._agent.state,
            generation=self._agent.generation,
            end_reason=self._end_reason,
            turns=len(self._transcript),
            summary=self._summary,
        )

    @workflow.query
    def transcript(self) -> tuple[Turn, ...]:
        """Everything that was said."""
        return self._transcript.turns

    # What the session tells the world.

    @property
    def _state(self) -> SessionState:
        if self._end_reason is not None:
            completed = self._summary is not None and self._summary.workflow_completed
            return SessionState.ENDED if completed else SessionState.ENDING
        if not self._agent.ever_ready:
            return SessionState.STARTING
        if self._caller.first_joined_at_ms is None:
            return SessionState.WAITING
        return SessionState.ACTIVE if self._caller.present else SessionState.RECONNECTING

    def _tell(self) -> None:
        """Keep Temporal's UI up to date. An attribute costs an event, so only its changes are written."""
        if self._state is not self._told_state:
            self._told_state = self._state
            news: list[SearchAttributeUpdate[Any]] = [STATE.value_set(self._state)]
            if self._summary is not None:
                news.append(END_REASON.value_set(self._summary.end_reason))
                news.append(DURATION.value_set(self._summary.duration_seconds))
            workflow.upsert_search_attributes(news)
        workflow.set_current_details(tell(self.view(), self._losses))


def _now() -> float:
    return workflow.now().timestamp()
