"""All that a session knows, in one serializable structure; continue-as-new hands it on as it is. Pure.

Timeline, search attributes and every answer to a query are rendered from it. Times are the workflow's seconds. Every
collection in it has a bound: `MAX_CONNECTIONS`, `MAX_RECORDS`, `KEPT`, `MAX_BYTES`.
"""

from __future__ import annotations

from pydantic import Field

from contracts.join_token import JoinToken
from contracts.message import State
from contracts.room import Presence
from contracts.session import SessionRequest, SessionSummary, SessionView
from contracts.session_log import SessionLog
from contracts.statuses import AgentState, EndReason, SessionStatus
from contracts.turns import Turn
from workflows.session.bill import billed_minutes, billed_seconds
from workflows.session.caller_presence import CallerPresence
from workflows.session.end import End
from workflows.session.event_log import EventLog
from workflows.session.generations import Generations
from workflows.session.transcript import Transcript


class SessionState(State):
    """The state of one session, whichever of its runs has it."""

    started_at: float
    caller: CallerPresence
    agents: Generations
    run: int = 1
    join_token: JoinToken | None = None
    join_token_at: float = 0
    last_room_check_at: float = 0
    """Time of the last check for an absent caller, or of the last request for another join token."""
    last_activity_at: float = 0
    """Time of the last turn, join, leave or ready agent."""
    has_sounded: bool = False
    transcript: Transcript = Field(default_factory=Transcript)
    events: EventLog = Field(default_factory=EventLog)
    webhooks_published: int = 0
    """The number of the last event that was handed to the delivery of webhooks."""
    end: End = Field(default_factory=End)

    @classmethod
    def of(cls, request: SessionRequest, now: float) -> SessionState:
        """The state of a session that starts now, or that of the run before."""
        if request.state is not None:
            return cls.model_validate(request.state)
        caller = CallerPresence(identities=request.callers, began_at_ms=int(now * 1000))
        return cls(started_at=now, caller=caller, agents=Generations(missing_since=now))

    def issue(self, join_token: JoinToken, now: float) -> None:
        """Keep the join token that callers get from now on."""
        self.join_token, self.join_token_at = join_token, now

    def see(self, report: Presence, now: float) -> None:
        """Take in where the caller was seen, and publish the change."""
        if change := self.caller.note(report, round(now * 1000)):
            self.last_activity_at = now
            self.events.presence(
                now,
                is_there=self.caller.present,
                participant_sid=report.participant_sid,
                words=f"the caller {change}",
            )

    def hear(self, turn: Turn, now: float) -> None:
        """Take in a turn, unless it comes from an agent that no longer has the floor."""
        if self.agents.may_report(turn):
            self.last_activity_at = now
            at_ms = min(turn.at_ms, round(now * 1000))
            self.agents.seen(turn.generation, at_ms)
            self.caller.sighted(at_ms)
            entry = self.transcript.note(turn)
            if entry is not None and turn.final:
                self.events.turn(now, entry)

    def first_sound(self, turn: Turn) -> float | None:
        """Seconds that the caller waited for the first agent's first words, if `turn` is those."""
        joined_at_ms, began_at_ms = self.caller.first_joined_at_ms, turn.began_at_ms
        is_early = turn.role == "agent" and turn.generation == 1 and not self.has_sounded
        if not is_early or joined_at_ms is None or began_at_ms is None:
            return None
        self.has_sounded = True
        return (began_at_ms - joined_at_ms) / 1000

    @property
    def status(self) -> SessionStatus:
        """The session's status, derived from its agents, its caller and its end."""
        if self.end.is_decided:
            return SessionStatus.ENDED if self.end.is_complete else SessionStatus.ENDING
        if not self.agents.newest_ready:
            return SessionStatus.STARTING
        if self.caller.first_joined_at_ms is None:
            return SessionStatus.WAITING
        return SessionStatus.ACTIVE if self.caller.present else SessionStatus.RECONNECTING

    def decide_end(self, reason: EndReason, now: float, at_ms: int | None = None) -> None:
        """End the conversation; the first reason stands."""
        self.end.decide(reason, now, at_ms, started_at=self.started_at)

    def settle_bill(self, request: SessionRequest) -> None:
        """Compute the bill once. From here on every answer gives this one, however long the cleanup takes."""
        assert self.end.reason is not None  # noqa: S101  only a session that ends is billed
        seconds = billed_seconds(
            self.caller,
            self.agents,
            self.end.at_ms,
            was_heard=any(turn.role == "agent" for turn in self.transcript.turns),
            most_seconds=request.limits.max_duration_seconds,
        )
        self.end.summary = SessionSummary(
            session_id=request.session_id,
            end_reason=self.end.reason,
            duration_seconds=seconds,
            duration_minutes=billed_minutes(seconds),
            generations=self.agents.launched,
            workflow_completed=False,
            agent_stopped=self.agents.state is AgentState.STOPPED,
            room_deleted=False,
        )

    def publish_status(self, now: float) -> bool:
        """Log the session's status as an event if it changed; the end comes last, with the bill. True if it changed."""
        if (status := self.status) is self.events.status:
            return False
        if status is not SessionStatus.ENDED:
            words = f"the session ends: {self.end.reason.words}" if self.end.reason else ""
            self.events.session(now, status, words)
        elif self.end.summary is not None:
            for generation in self.agents.active:
                self.events.agent(now, generation.number, "stopped")
            self.events.turns(now, self.transcript)
            self.events.ended(now, self.end.summary)
        return True

    def view(self, request: SessionRequest) -> SessionView:
        """The answer to the `view` query."""
        serving = self.agents.serving
        return SessionView(
            session_id=request.session_id,
            user_name=request.user_name,
            state=self.status,
            agent_state=self.agents.state,
            generation=serving.number if serving else self.agents.launched,
            end_reason=self.end.reason,
            turns=len(self.transcript),
            summary=self.end.summary,
        )

    def log(self, request: SessionRequest) -> SessionLog:
        """Turns and events so far."""
        return SessionLog(
            session_id=request.session_id,
            turns=self.transcript.turns,
            events=tuple(self.events.kept),
            length=self.events.length,
            delivery=request.delivery,
        )
