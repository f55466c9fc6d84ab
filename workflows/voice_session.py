"""The durable story of one voice session. It owns every decision and timer; whatever else dies, it goes on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from contracts.agent import AgentReady, AgentReports, Briefing, ClaimRequest, DrainRequest
    from contracts.customer_webhooks import RedeliveryPlan
    from contracts.events import EventsPage, EventsRequest
    from contracts.failures import JOIN_TOKEN_FAILED, SUPERSEDED
    from contracts.join_token import JoinToken, ValidJoinTokenRequest
    from contracts.room import Presence, RoomFinished
    from contracts.search_attributes import DURATION, END_REASON, STATE
    from contracts.session import EndRequest, SessionRecord, SessionRequest, SessionSummary, SessionView
    from contracts.statuses import EndReason
    from contracts.turns import Turn
    from workflows.session import activity_calls, session_metrics
    from workflows.session.agent_supervisor import AgentSupervisor
    from workflows.session.cleanup import clean_up
    from workflows.session.clock import now
    from workflows.session.continue_as_new import continue_as_new, is_due
    from workflows.session.current_details import current_details, provider_change
    from workflows.session.join_token_renewal import JoinTokens
    from workflows.session.state import SessionState
    from workflows.session.timer_checks import has_come_true
    from workflows.session.timers import Deadline, next_deadline
    from workflows.slots.release import release_slot
    from workflows.webhooks.outbox import WebhookOutbox


@workflow.defn(name="VoiceSession")
class VoiceSession:
    """One call: join token, agent generations, conversation, cleanup, bill. Its id is the session's and the room's."""

    @workflow.init
    def __init__(self, request: SessionRequest) -> None:
        # Signals and updates may be handled before run() begins: everything they touch is made here.
        self._request = request
        self._state = state = SessionState.of(request, now())
        self._agents = AgentSupervisor(request, state, end=self._end, publish=self._publish)
        self._join_tokens = JoinTokens(request, state)
        self._webhooks = WebhookOutbox(request, state)
        self._logged = state.events.length

    @workflow.run
    async def run(self, request: SessionRequest) -> SessionRecord:
        """A session from start to record. A cancellation from outside is one more reason to end, never a way out."""
        agents: asyncio.Task[None] | None = None
        self._publish()
        try:
            # 1. The join token first and by itself, so that the API can answer at once.
            if self._state.join_token is None:
                self._state.issue(await activity_calls.issue_join_token(request), now())
            # 2. From then on there is always an agent,
            agents = asyncio.create_task(self._agents.keep())
            self._webhooks.begin()
            # 3. and a conversation, until somebody ends it or a timer does.
            await self._conversation()
        except (asyncio.CancelledError, FailureError) as error:  # a local activity's failure comes unwrapped
            self._end(EndReason.CANCELLED if is_cancelled_exception(error) else EndReason.ERROR)
            self._state.end.start_error = activity_calls.cause(error)
        if not self._state.end.is_decided:
            continue_as_new(request, self._state)
        # 4. One end for every reason.
        summary = await activity_calls.uninterrupted(self._close(agents))
        if request.fingerprint and self._state.join_token is None:
            # Its key may be tried again: Temporal lets another run follow only one that failed.
            raise ApplicationError(self._state.end.start_error or "no join token was made", type=JOIN_TOKEN_FAILED)
        return SessionRecord(**dict(summary), log=self._state.log(request))

    # The conversation.

    async def _conversation(self) -> None:
        """Return when the session ends, or when it is time to continue as new."""
        while not self._state.end.is_decided and not is_due(self._state):
            deadline = self._next_deadline
            try:
                await workflow.wait_condition(
                    partial(self._is_over_or_has_another, deadline),
                    timeout=max(0.0, deadline.at - now()),
                    timeout_summary=deadline.reason,
                )
            except TimeoutError:
                if await has_come_true(deadline, self._request, self._state):
                    # Its own time, not that at which a worker noticed it.
                    self._end(deadline.reason, round(deadline.at * 1000))

    @property
    def _next_deadline(self) -> Deadline:
        return next_deadline(self._request.limits, self._state)

    def _is_over_or_has_another(self, deadline: Deadline) -> bool:
        if self._state.end.is_decided or is_due(self._state):
            return True
        following = self._next_deadline
        return following != deadline and not deadline.stands_until(following)

    # The end: one path for every reason.

    async def _close(self, agents: asyncio.Task[None] | None) -> SessionSummary:
        state = self._state
        if agents is None:
            state.agents.stop()
        self._publish()
        if state.join_token is None and state.end.reason is EndReason.ERROR:
            state.settle_bill(self._request)  # nothing was made, so there is nothing to clean up
        else:
            await clean_up(self._request, state, self._agents, agents)
        summary = state.end.confirm(agent_stopped=True, room_deleted=True, workflow_completed=True, errors=())
        self._publish()
        await self._webhooks.handed_over()
        await release_slot(self._request)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return summary

    def _end(self, reason: EndReason, at_ms: int | None = None) -> None:
        if not self._state.end.is_decided:
            session_metrics.ended(reason)
        self._state.decide_end(reason, now(), at_ms)

    # Updates, signals and queries.

    @workflow.update
    async def join_token(self) -> JoinToken:
        """The join token for the caller. Fails with type `JoinTokenFailed`."""
        return await self._join_tokens.first()

    @workflow.update
    async def valid_join_token(self, request: ValidJoinTokenRequest) -> JoinToken:
        """A join token that works now, for a start under a key and for a caller who comes back.

        Refused with type `KeyTaken` or `SessionEnding`, fails with `SessionEnding` or `JoinTokenFailed`.
        """
        return await self._join_tokens.valid()

    @valid_join_token.validator
    def _validate_valid_join_token(self, request: ValidJoinTokenRequest) -> None:
        self._join_tokens.check(request)

    @workflow.update
    def claim(self, claim: ClaimRequest) -> Briefing:
        """An agent's job claims its generation before it does anything in the room. Refused with type `Superseded`."""
        return self._agents.claim(claim)

    @claim.validator
    def _validate_claim(self, claim: ClaimRequest) -> None:
        if self._state.end.is_decided or not self._state.agents.may_claim(claim):
            raise ApplicationError(f"generation {claim.generation} is not wanted any more", type=SUPERSEDED)

    @workflow.signal
    def agent_reports(self, batch: AgentReports) -> None:
        """What an agent has to say, in order; reports that arrive again change nothing."""
        if not self._state.agents.take(batch):
            return
        for report in batch.reports:
            if report.ready is not None:
                self._ready(report.ready)
            if report.turn is not None:
                self._hear(report.turn)
            if report.presence is not None:
                self._state.see(report.presence, now())
            if report.provider is not None:
                self._state.events.provider(now(), report.provider, provider_change(report.provider))
        self._publish()

    def _ready(self, report: AgentReady) -> None:
        for turn in report.inherited:
            self._state.hear(turn, now())
        self._agents.ready(report)
        self._state.last_activity_at = now()

    def _hear(self, turn: Turn) -> None:
        self._state.hear(turn, now())
        if (seconds := self._state.first_sound(turn)) is not None:
            session_metrics.first_sound(seconds)

    @workflow.signal
    def drain(self, request: DrainRequest) -> None:
        """An agent must go soon, and serves until its successor has come."""
        self._agents.drain(request)

    @workflow.signal
    def presence(self, report: Presence) -> None:
        """The caller was seen to join or leave."""
        self._state.see(report, now())
        self._publish()

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
        """The session's current status, agent and bill."""
        return self._state.view(self._request)

    @workflow.query
    def transcript(self) -> tuple[Turn, ...]:
        """Everything that was said."""
        return self._state.transcript.turns

    @workflow.query
    def events(self, request: EventsRequest) -> EventsPage:
        """The session's events, numbered."""
        return self._state.log(self._request).page(request)

    @workflow.query
    def webhooks(self, request: EventsRequest) -> RedeliveryPlan:
        """The session's customer webhooks, for delivering them again."""
        return self._state.log(self._request).redelivery_plan(request)

    # What others see of the state: search attributes, current details and the log, rendered from it.

    def _publish(self) -> None:
        """An attribute costs an event in the history, so only its changes are written."""
        state = self._state
        if state.publish_status(now()):
            changes: list[SearchAttributeUpdate[Any]] = [STATE.value_set(state.status)]
            if state.end.is_complete and (summary := state.end.summary) is not None:
                changes += [END_REASON.value_set(summary.end_reason), DURATION.value_set(summary.duration_seconds)]
            workflow.upsert_search_attributes(changes)
        workflow.set_current_details(current_details(state, self.view()))
        for event in state.events.since(self._logged):
            workflow.logger.info("%s: %s", self._request.session_id, event.step)
        self._logged = state.events.length
