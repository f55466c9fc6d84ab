"""The durable story of one voice session. It owns every decision and timer; whatever else dies, it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.interface import JOIN_DEADLINE, SUPERSEDED, TICKET_FAILED, SessionActivities
    from contracts import (
        AgentOutcome,
        AgentReady,
        AgentState,
        Briefing,
        ClaimRequest,
        EndReason,
        EndRequest,
        LaunchRequest,
        Presence,
        RoomFinished,
        RoomRequest,
        SessionRequest,
        SessionState,
        SessionSummary,
        SessionView,
        Ticket,
        TicketRequest,
        Turn,
        caller_identity,
    )
    from workflows.agent_watch import AgentWatch
    from workflows.presence import CallerPresence, billed_minutes
    from workflows.search_attributes import DURATION, END_REASON, STATE
    from workflows.story import tell
    from workflows.transcript import Transcript

T = TypeVar("T")

_BILL_WAITS_SECONDS = 3
"""How long the bill waits for a last look at the room before it is made from what is known."""
_LOOK_TIMEOUT = timedelta(seconds=15)
_SLACK = timedelta(minutes=10)
"""What an agent's activity may last beyond the session's own timers, which end it long before."""


class _Deadline(NamedTuple):
    at: float
    reason: EndReason


@workflow.defn(name="VoiceSession")
class VoiceSession:
    """One call: ticket, agent generations, conversation, clean-up, bill. Its id is the session's and the room's."""

    @workflow.init
    def __init__(self, request: SessionRequest) -> None:
        # Signals and updates may be handled before run() begins: everything they touch is made here.
        self._request = request
        self._limits = request.limits
        self._room = RoomRequest(session_id=request.session_id)
        self._started_at = workflow.now().timestamp()
        self._caller = CallerPresence(caller_identity(request.user_name))
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
        agents: asyncio.Task[None] | None = None
        try:
            self._ticket = await self._issue_ticket()
            agents = asyncio.create_task(self._keep_an_agent())
            await self._conversation()
        except (asyncio.CancelledError, FailureError) as error:  # a local activity's failure comes unwrapped
            self._end(EndReason.CANCELLED if is_cancelled_exception(error) else EndReason.ERROR)
            self._ticket_error = _cause(error)
        return await _uninterrupted(self._close(agents))

    # 1. The ticket: first and by itself, so that the API can answer at once.

    async def _issue_ticket(self) -> Ticket:
        self._tell()
        request = TicketRequest(
            session_id=self._request.session_id,
            user_name=self._request.user_name,
            timeouts=self._limits.room_timeouts,
        )
        return await workflow.execute_local_activity_method(
            SessionActivities.issue_ticket,
            request,
            start_to_close_timeout=timedelta(seconds=3),
            retry_policy=RetryPolicy(maximum_attempts=2, initial_interval=timedelta(milliseconds=100)),
        )

    # 2. The agent: one activity a generation, so that the UI shows each that served the session and why it went.

    async def _keep_an_agent(self) -> None:
        while self._end_reason is None:
            loss = await self._one_generation()
            if self._is_ending():  # asked afresh: it may have changed while the agent served
                break
            arrived = self._agent.state is AgentState.READY
            self._losses.append(f"generation {self._agent.generation} was lost: {_cause(loss)}")
            self._agent.lost(_now(), counts=not _missed_its_deadline(loss))
            if self._agent.crash_looping:
                self._end(EndReason.AGENT_UNAVAILABLE)
            self._tell()
            if not arrived and self._end_reason is None:
                await workflow.sleep(self._limits.agent_relaunch_pause_seconds)
        self._agent.state = AgentState.STOPPED

    async def _one_generation(self) -> BaseException | AgentOutcome:
        """Launch the next agent and wait until it is gone; returns how it went."""
        generation = self._agent.launch()
        self._tell()
        self._launch = workflow.start_activity_method(
            SessionActivities.launch_agent,
            LaunchRequest(
                session_id=self._request.session_id,
                generation=generation,
                join_deadline_seconds=self._limits.agent_join_deadline_seconds,
                timeouts=self._limits.room_timeouts,
            ),
            start_to_close_timeout=timedelta(seconds=self._limits.max_duration_seconds) + _SLACK,
            heartbeat_timeout=timedelta(seconds=self._limits.agent_heartbeat_timeout_seconds),
            retry_policy=RetryPolicy(maximum_attempts=1),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"agent generation {generation}",
        )
        try:
            return await self._launch
        except ActivityError as error:
            return error

    # 3. The conversation: until somebody ends it or a timer does.

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
                if not _rests_on_absence(deadline.reason) or await self._is_absent():
                    self._end(deadline.reason)

    def _has_news_since(self, deadline: _Deadline) -> bool:
        return self._is_ending() or self._next_deadline() != deadline

    def _is_ending(self) -> bool:
        return self._end_reason is not None

    def _next_deadline(self) -> _Deadline:
        """The nearest timer that ends the session as things stand now."""
        joined_at_ms = self._caller.first_joined_at_ms
        began = self._started_at if joined_at_ms is None else joined_at_ms / 1000
        deadlines = [_Deadline(began + self._limits.max_duration_seconds, EndReason.MAX_DURATION)]
        if joined_at_ms is None:
            since = max(self._started_at, self._looked_at)
            deadlines.append(_Deadline(since + self._limits.no_show_seconds, EndReason.NO_SHOW))
        elif not self._caller.present:
            since = max((self._caller.last_left_at_ms or 0) / 1000, self._looked_at)
            deadlines.append(_Deadline(since + self._limits.reconnect_grace_seconds, EndReason.CALLER_LEFT))
        if self._agent.missing_since is not None:
            since = self._agent.missing_since
            deadlines.append(_Deadline(since + self._limits.agent_launch_limit_seconds, EndReason.AGENT_UNAVAILABLE))
        return min(deadlines)

    async def _is_absent(self) -> bool:
        """Ask LiveKit itself whether the caller is gone: reports can be lost. Unknown is not gone: ask again later."""
        self._looked_at = _now()
        try:
            view = await workflow.execute_activity_method(
                SessionActivities.look_at_room,
                self._room,
                start_to_close_timeout=timedelta(seconds=4),
                schedule_to_close_timeout=_LOOK_TIMEOUT,
                summary="is the caller really gone?",
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return False
        for sighting in view.callers:
            self._caller.note(sighting)
        return not self._caller.present

    # 4. The end: one path for every reason.

    async def _close(self, agents: asyncio.Task[None] | None) -> SessionSummary:
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
            self._confirm(
                errors=("LiveKit has not confirmed yet that the room is deleted; it is tried until it does.",)
            )
            await closing
        self._confirm(room_deleted=True, errors=())
        if agents is not None:
            await agents

    async def _close_room(self) -> None:
        view = await workflow.execute_activity_method(
            SessionActivities.close_room,
            self._room,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30), backoff_coefficient=2
            ),
            summary="delete room and dispatches",
        )
        for sighting in view.callers:
            self._caller.note(sighting)

    def _settle_bill(self) -> None:
        """Compute the bill once. From here on every answer gives this one, however long the clean-up takes."""
        assert self._end_reason is not None  # noqa: S101  only a session that ends is billed
        seconds = self._caller.billed_seconds(self._ended_at_ms)
        self._summary = SessionSummary(
            session_id=self._request.session_id,
            end_reason=self._end_reason,
            duration_seconds=seconds,
            duration_minutes=billed_minutes(seconds),
            generations=self._agent.generation,
            workflow_completed=False,
            agent_stopped=self._launch is None,
            room_deleted=False,
        )

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
        return Briefing(
            session_id=self._request.session_id,
            generation=claim.generation,
            user_name=self._request.user_name,
            caller_identity=caller_identity(self._request.user_name),
            voice_id=self._request.voice_id,
            opening_line=self._request.opening_line,
            system_prompt=self._request.system_prompt,
            turns=self._transcript.turns,
            heartbeat_timeout_seconds=self._limits.agent_heartbeat_timeout_seconds,
        )

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


def _rests_on_absence(reason: EndReason) -> bool:
    return reason in (EndReason.NO_SHOW, EndReason.CALLER_LEFT)


def _missed_its_deadline(loss: BaseException | AgentOutcome) -> bool:
    """Whether the agent never came. That is bounded by the launch limit; only agents that died make a crash loop."""
    cause = loss.cause if isinstance(loss, ActivityError) else None
    return isinstance(cause, ApplicationError) and cause.type == JOIN_DEADLINE


def _cause(loss: BaseException | AgentOutcome) -> str:
    """Why, in the words of whoever caused it."""
    if isinstance(loss, AgentOutcome):
        return loss.cause
    cause = (loss.cause if isinstance(loss, ActivityError) else None) or loss
    return cause.message if isinstance(cause, FailureError) else str(cause)


async def _uninterrupted(ending: Coroutine[Any, Any, T]) -> T:
    """Finish `ending` whatever cancellations arrive meanwhile: a clean-up is never left half done."""
    task = asyncio.create_task(ending)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                raise
