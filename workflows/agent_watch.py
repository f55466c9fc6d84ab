"""What a session knows of its agents: the current generation, and how many were lost lately. Pure."""

from __future__ import annotations

from collections import deque

from contracts import AgentReady, AgentState, Briefing, ClaimRequest, SessionRequest, Turn
from identities import caller_identity

_MINUTE = 60.0


class AgentWatch:
    """The numbered generations of a session's agent; times are the workflow's seconds."""

    def __init__(self, started_at: float, max_losses_per_minute: int) -> None:
        self.generation = 0
        self.state = AgentState.LAUNCHING
        self.ever_ready = False
        self.missing_since: float | None = started_at
        self._claimed_by: str | None = None
        self._max_losses = max_losses_per_minute
        self._losses: deque[float] = deque()

    def launch(self) -> int:
        """Begin the next generation and return its number."""
        self.generation += 1
        self.state = AgentState.LAUNCHING
        self._claimed_by = None
        return self.generation

    def may_claim(self, claim: ClaimRequest) -> bool:
        """Only the current generation, and only one job of it: a repeated dispatch must not bring a second voice."""
        return claim.generation == self.generation and self._claimed_by in (None, claim.identity)

    def claim(self, claim: ClaimRequest) -> None:
        """Hand the current generation to the job that asks first."""
        self._claimed_by = claim.identity

    @property
    def claimed(self) -> bool:
        """Whether some job has taken the current generation."""
        return self._claimed_by is not None

    def ready(self, report: AgentReady) -> None:
        """The current generation is in the room; reports of older ones are refused."""
        if report.generation == self.generation and self.state is AgentState.LAUNCHING:
            self.state = AgentState.READY
            self.ever_ready = True
            self.missing_since = None

    def lost(self, now: float, *, counts: bool) -> None:
        """The current generation is gone. `counts`: whether it had arrived, and so belongs to a crash loop."""
        self.state = AgentState.LOST
        if self.missing_since is None:
            self.missing_since = now
        if counts:
            self._losses.append(now)
        while self._losses and now - self._losses[0] > _MINUTE:
            self._losses.popleft()

    @property
    def crash_looping(self) -> bool:
        """Whether agents were lost more often within a minute than a session bears."""
        return len(self._losses) >= self._max_losses


def briefing(session: SessionRequest, generation: int, turns: tuple[Turn, ...]) -> Briefing:
    """What a new generation must know."""
    return Briefing(
        session_id=session.session_id,
        generation=generation,
        user_name=session.user_name,
        caller_identity=caller_identity(session.user_name),
        voice_id=session.voice_id,
        opening_line=session.opening_line,
        system_prompt=session.system_prompt,
        turns=turns,
        heartbeat_timeout_seconds=session.limits.agent_heartbeat_timeout_seconds,
    )
