"""The durable story of one voice session. It owns every decision and timer; whatever else dies, it goes on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from contracts.agent import AgentReady, Briefing, ClaimRequest, DrainRequest, ProviderChanged
    from contracts.customer_webhooks import RedeliveryPlan
    from contracts.events import EventsPage, EventsRequest
    from contracts.failures import JOIN_TOKEN_FAILED, SUPERSEDED
    from contracts.join_token import JoinToken, ValidJoinTokenRequest
    from contracts.room import Presence, RoomFinished
    from contracts.search_attributes import DURATION, END_REASON, STATE
    from contracts.session import EndRequest, SessionRequest, SessionSummary, SessionView
    from contracts.statuses import EndReason, SessionStatus
    from contracts.turns import Turn
    from workflows.session import activity_calls, session_metrics
    from workflows.session.agent_supervisor import Agents
    from workflows.session.cleanup import clean_up
    from workflows.session.clock import now
    from workflows.session.continue_as_new import Renewal
    from workflows.session.current_details import provider_news
    from workflows.session.end import Ending
    from workflows.session.generations import briefing
    from workflows.session.join_token_renewal import JoinTokens
    from workflows.session.state import Notes
    from workflows.session.timer_checks import has_come_true
    from workflows.session.timers import Deadline
    from workflows.webhooks.outbox import WebhookOutbox


@workflow.defn(name="VoiceSession")
class VoiceSession:
    """One call: join token, agent generations, conversation, clean-up, bill. Its id is the session's and the room's."""

    @workflow.init
    def __init__(self, request: SessionRequest) -> None:
        # Signals and updates may be handled before run() begins: everything they touch is made here.
        self._request = request
        self._notes = Notes(request, now(), partial(workflow.patched, "one-connection-at-a-time"))
        self._ending = Ending(request.session_id, self._notes)
        self._agents = Agents(request, self._notes, is_ending=self._is_ending, end=self._end, tell=self._tell)
        self._renewal = Renewal(self._notes.agents)
        self._webhooks = WebhookOutbox(request, self._notes)
        self._join_tokens = JoinTokens(request, self._notes, is_ending=self._is_ending)
        # Search attributes are carried over to a run that continues an earlier one.
        self._told_state = SessionStatus.STARTING if request.memory is None else self._state

    @workflow.run
    async def run(self, request: SessionRequest) -> SessionSummary:
        """A session from start to bill. A cancellation from outside is one more reason to end, never a way out."""
        agents: asyncio.Task[None] | None = None
        self._tell()
        try:
            # 1. The join token first and by itself, so that the API can answer at once.
            if self._notes.join_token is None:
                self._notes.take(await activity_calls.issue_join_token(request), now())
            # 2. From then on there is always an agent,
            agents = asyncio.create_task(self._agents.keep())
            self._webhooks.begin()
            # 3. and a conversation, until somebody ends it or a timer does.
            await self._conversation()
        except (asyncio.CancelledError, FailureError) as error:  # a local activity's failure comes unwrapped
            self._end(EndReason.CANCELLED if is_cancelled_exception(error) else EndReason.ERROR)
            self._join_tokens.error = activity_calls.cause(error)
        if not self._is_ending():
            self._renewal.renew(self._request, self._notes)
        # 4. One end for every reason.
        summary = await activity_calls.uninterrupted(self._close(agents))
        if request.fingerprint and self._notes.join_token is None:
            # Its key may be tried again: Temporal lets another run follow only one that failed.
            raise ApplicationError(self._join_tokens.error or "no join token was made", type=JOIN_TOKEN_FAILED)
        return summary

    # The conversation.

    async def _conversation(self) -> None:
        """Returns when the session ends, or when it is time to go on in a new run."""
        while not self._is_ending() and not self._renewal.is_due:
            deadline = self._notes.next_deadline
            try:
                await workflow.wait_condition(
                    partial(self._has_news_since, deadline),
                    timeout=max(0.0, deadline.at - now()),
                    timeout_summary=deadline.reason,
                )
            except TimeoutError:
                if await has_come_true(deadline, self._request, self._notes, self._is_ending):
                    self._end(deadline.reason)

    def _has_news_since(self, deadline: Deadline) -> bool:
        is_another = self._notes.next_deadline != deadline and not deadline.stands_until(self._notes.next_deadline)
        return self._is_ending() or self._renewal.is_due or is_another

    # The end: one path for every reason.

    async def _close(self, agents: asyncio.Task[None] | None) -> SessionSummary:
        if agents is None:
            self._notes.agents.stop()
        self._tell()
        if self._notes.join_token is None and self._ending.reason is EndReason.ERROR:
            self._ending.settle(now())  # nothing was made, so there is nothing to clean up
        else:
            await clean_up(self._request, self._notes, self._ending, self._agents, agents)
        summary = self._ending.confirm(agent_stopped=True, room_deleted=True, workflow_completed=True, errors=())
        self._notes.story.add(now(), "room, dispatches and agents are gone")
        self._tell()
        await self._webhooks.handed_over()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return summary

    def _is_ending(self) -> bool:
        return self._ending.is_decided

    def _end(self, reason: EndReason, at_ms: int | None = None) -> None:
        if not self._is_ending():
            session_metrics.ended(reason)
        self._ending.decide(reason, now(), at_ms)

    # What the world tells the session.

    @workflow.update
    async def join_token(self) -> JoinToken:
        """What the caller needs to join. Fails with type `JoinTokenFailed`."""
        return await self._join_tokens.first()

    @workflow.update
    async def valid_join_token(self, request: ValidJoinTokenRequest) -> JoinToken:
        """What opens the room now, for a start under a key and for a caller who comes back.

        Refused with type `KeyTaken` or `SessionEnding`, fails with `SessionEnding` or `JoinTokenFailed`.
        """
        return await self._join_tokens.valid()

    @valid_join_token.validator
    def _validate_valid_join_token(self, request: ValidJoinTokenRequest) -> None:
        self._join_tokens.check(request)

    @workflow.update
    def claim(self, claim: ClaimRequest) -> Briefing:
        """An agent's job takes its generation, before it does anything in the room. Refused with type `Superseded`."""
        self._notes.agents.claim(claim)
        agents, turns = self._notes.agents, self._notes.transcript.turns
        return briefing(self._request, claim.generation, turns, predecessor_lives=agents.predecessor_lives)

    @claim.validator
    def _validate_claim(self, claim: ClaimRequest) -> None:
        if self._is_ending() or not self._notes.agents.may_claim(claim):
            raise ApplicationError(f"generation {claim.generation} is not wanted any more", type=SUPERSEDED)

    @workflow.signal
    def agent_ready(self, report: AgentReady) -> None:
        """The agent is connected and can speak."""
        for turn in report.inherited:
            self._notes.hear(turn, now())
        self._agents.ready(report)
        self._notes.last_sign_at = now()
        self._tell()

    @workflow.signal
    def drain(self, request: DrainRequest) -> None:
        """An agent must go soon, and serves until another has come."""
        if workflow.patched("drain"):  # runs from before this signal existed have ignored it
            self._agents.drain(request)

    @workflow.signal
    def turn(self, turn: Turn) -> None:
        """Something was said; repeated reports count once."""
        self._notes.hear(turn, now())
        if (seconds := self._notes.first_sound(turn)) is not None:
            session_metrics.first_sound(seconds)
        self._tell()

    @workflow.signal
    def presence(self, report: Presence) -> None:
        """The caller was seen to come or go."""
        self._notes.see(report, now())
        self._tell()

    @workflow.signal
    def provider_changed(self, report: ProviderChanged) -> None:
        """A provider of speech failed, or is back."""
        self._notes.story.add(now(), provider_news(report))
        if workflow.patched("provider-events"):  # the numbers that earlier runs gave to their events stand
            self._notes.events.provider(now(), report)
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
        agents = self._notes.agents
        return SessionView(
            session_id=self._request.session_id,
            user_name=self._request.user_name,
            state=self._state,
            agent_state=agents.state,
            generation=agents.serving or agents.generation,
            end_reason=self._ending.reason,
            turns=len(self._notes.transcript),
            summary=self._ending.summary,
        )

    @workflow.query
    def transcript(self) -> tuple[Turn, ...]:
        """Everything that was said."""
        return self._notes.transcript.turns

    @workflow.query
    def events(self, request: EventsRequest) -> EventsPage:
        """What happened, numbered."""
        return self._notes.events.page(request)

    @workflow.query
    def webhooks(self, request: EventsRequest) -> RedeliveryPlan:
        """What its customer was told, for telling it again."""
        return self._webhooks.replay(request)

    # What the session tells the world.

    @property
    def _state(self) -> SessionStatus:
        if self._ending.is_decided:
            return SessionStatus.ENDED if self._ending.is_complete else SessionStatus.ENDING
        if not self._notes.agents.ever_ready:
            return SessionStatus.STARTING
        if self._notes.caller.first_joined_at_ms is None:
            return SessionStatus.WAITING
        return SessionStatus.ACTIVE if self._notes.caller.present else SessionStatus.RECONNECTING

    def _tell(self) -> None:
        """Keep Temporal's UI up to date. An attribute costs an event, so only its changes are written."""
        self._renewal.consider()
        self._notes.events.session(now(), self._state, self._ending.summary)
        if self._state is not self._told_state:
            self._told_state = self._state
            news: list[SearchAttributeUpdate[Any]] = [STATE.value_set(self._state)]
            if (summary := self._ending.summary) is not None:
                news += [END_REASON.value_set(summary.end_reason), DURATION.value_set(summary.duration_seconds)]
            workflow.upsert_search_attributes(news)
        workflow.set_current_details(self._notes.story.tell(self.view()))
