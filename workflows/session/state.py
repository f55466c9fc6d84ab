"""All that a session knows of its caller and its agents, and what its next run must know of that. Pure."""

from __future__ import annotations

from collections.abc import Callable

from contracts.join_token import JoinToken
from contracts.room import Presence
from contracts.session import SessionMemory, SessionRequest
from contracts.turns import Turn
from workflows.session.caller_presence import CallerPresence
from workflows.session.current_details import Story
from workflows.session.event_log import EventLog
from workflows.session.generations import AgentWatch
from workflows.session.timers import Deadline, next_deadline
from workflows.session.transcript import Transcript

_DAY_MS = 24 * 60 * 60 * 1000


class Notes:
    """Begun anew, or from the memory of an earlier run; times are the workflow's seconds.

    `one_at_a_time`: see `CallerPresence`.
    """

    def __init__(self, session: SessionRequest, now: float, one_at_a_time: Callable[[], bool] = lambda: True) -> None:
        memory = session.memory
        self._limits = session.limits
        self.started_at = now if memory is None else memory.started_at
        self.join_token: JoinToken | None = None
        self.join_token_at = 0.0
        self.looked_at = 0.0
        self.last_sign_at = 0.0
        self._has_sounded = False
        self.caller = CallerPresence(session.callers, int(self.started_at * 1000), one_at_a_time)
        self.agents = AgentWatch(now, session.limits.agent_max_losses_per_minute)
        self.transcript = Transcript()
        self.story = Story()
        self.webhooks_told = 0
        self.events = EventLog(session.session_id, self.transcript)
        if memory is not None:
            self.take(memory.join_token, memory.started_at if memory.join_token_at is None else memory.join_token_at)
            self.looked_at = memory.looked_at
            self.last_sign_at = memory.last_sign_at
            self.caller.resume(memory)
            self.agents.resume(memory, now)
            self.story.resume(memory)
            for turn in memory.turns:
                self.transcript.note(turn)
            self.webhooks_told = memory.webhooks_told
            self.events.resume(memory.events, memory.generation)

    def take(self, join_token: JoinToken, now: float) -> None:
        """Note what a caller may join with, and since when."""
        self.join_token, self.join_token_at = join_token, now

    def memory(self, join_token: JoinToken) -> SessionMemory:
        """What the next run must know."""
        return SessionMemory(
            started_at=self.started_at,
            join_token=join_token,
            join_token_at=self.join_token_at,
            generation=self.agents.generation,
            lost_at=self.agents.lost_at,
            story=self.story.entries,
            story_length=self.story.length,
            sightings=self.caller.sightings,
            nameless_leaves_at_ms=self.caller.nameless_leaves_at_ms,
            looked_at=self.looked_at,
            last_sign_at=self.last_sign_at,
            turns=self.transcript.turns,
            events=self.events.memory,
            webhooks_told=self.webhooks_told,
        )

    def see(self, report: Presence, now: float) -> None:
        """Take in where the caller was seen, and tell what that changes."""
        if change := self.caller.note(_on_earth(report, now)):
            self.last_sign_at = now
            self.story.add(now, f"the caller {change}")
            self.events.presence(now, is_there=self.caller.present, participant_sid=report.participant_sid)

    def hear(self, turn: Turn, now: float) -> None:
        """Take in a turn, unless it comes from an agent that no longer has the word."""
        if self.agents.may_report(turn):
            self.last_sign_at = now
            self.transcript.note(turn)
            self.events.heard(now, turn)

    def first_sound(self, turn: Turn) -> float | None:
        """How long the caller waited for the first agent's first words, in seconds, where this turn is those."""
        joined_at_ms, began_at_ms = self.caller.first_joined_at_ms, turn.began_at_ms
        is_early = turn.role == "agent" and turn.generation == 1 and not self._has_sounded
        if not is_early or joined_at_ms is None or began_at_ms is None:
            return None
        self._has_sounded = True
        return (began_at_ms - joined_at_ms) / 1000

    @property
    def next_deadline(self) -> Deadline:
        """Which timer ends the session next."""
        return next_deadline(
            self._limits,
            self.caller,
            self.agents,
            started_at=self.started_at,
            looked_at=self.looked_at,
            last_sign_at=self.last_sign_at,
        )


def _on_earth(report: Presence, now: float) -> Presence:
    """The report, its times no further ahead than a clock may be wrong: timers cannot be set by absurd ones."""
    latest = int(now * 1000) + _DAY_MS
    joined_at_ms = None if report.joined_at_ms is None else min(report.joined_at_ms, latest)
    return report.model_copy(update={"at_ms": min(report.at_ms, latest), "joined_at_ms": joined_at_ms})
