"""What a session knows of its agents: who serves, who is to come, and how many were lost lately. Pure."""

from __future__ import annotations

from collections import deque

from contracts.agent import AgentReady, Briefing, ClaimRequest
from contracts.session import SessionMemory, SessionRequest
from contracts.statuses import AgentState
from contracts.turns import Turn

_MINUTE = 60.0


class AgentWatch:
    """The numbered generations of a session's agent; times are the workflow's seconds.

    A generation is coming from its launch until it is ready; then it serves, and whoever served before is leaving. At
    any time there is one serving and one coming generation at the most.
    """

    def __init__(self, started_at: float, max_losses_per_minute: int) -> None:
        self.generation = 0
        self.serving: int | None = None
        self.coming: int | None = None
        self.leaving: int | None = None
        self.ever_ready = False
        self.missing_since: float | None = started_at
        self._stopped = False
        self._newest_ready = 0
        self._claimed_by: str | None = None
        self._draining: set[int] = set()
        self._may_live: set[int] = set()
        self._handed_on = 0
        self._max_losses = max_losses_per_minute
        self._losses: deque[float] = deque()

    def resume(self, memory: SessionMemory, now: float) -> None:
        """Go on where an earlier run was: its last generation still talks, but has no task of this run."""
        self.generation = self._newest_ready = memory.generation
        self._may_live = {memory.generation}
        self._handed_on = memory.generation
        self.ever_ready = True
        self.missing_since = now
        self._losses.extend(memory.lost_at)

    @property
    def lost_at(self) -> tuple[float, ...]:
        """When agents were lost, within the last minute."""
        return tuple(self._losses)

    @property
    def state(self) -> AgentState:
        """How the session's agent fares, as its callers see it."""
        if self._stopped:
            return AgentState.STOPPED
        if self.serving is not None:
            return AgentState.READY
        return AgentState.LOST if self.coming is None and self.generation else AgentState.LAUNCHING

    @property
    def needs_another(self) -> bool:
        """Whether a generation should be launched: nobody serves, or who does must go. One coming is enough.

        A successor of one that still serves also waits until the one before has gone.
        """
        if self.coming is not None or self._stopped:
            return False
        return self.serving is None or (self.serving in self._draining and self.leaving is None)

    @property
    def predecessor_lives(self) -> bool:
        """Whether one serves, of this run or, with no news since, of the run before."""
        return self.serving is not None or self._handed_on in self._may_live

    @property
    def predecessor_may_live(self) -> bool:
        """Whether any generation may still be in the room and able to answer: none proven dead, nor succeeded."""
        return bool(self._may_live)

    @property
    def is_calm(self) -> bool:
        """Whether one agent serves, and nobody comes or goes."""
        settled = self.coming is None and self.leaving is None
        return settled and self.serving is not None and self.serving not in self._draining

    def launch(self) -> int:
        """Begin the next generation and return its number."""
        self.generation += 1
        self.coming = self.generation
        self._may_live.add(self.generation)
        self._claimed_by = None
        return self.generation

    def may_claim(self, claim: ClaimRequest) -> bool:
        """Only the newest generation, and only one job of it: a repeated dispatch must not bring a second voice."""
        is_wanted = claim.generation == self.generation and claim.generation in (self.coming, self.serving)
        return is_wanted and self._claimed_by in (None, claim.identity)

    def claim(self, claim: ClaimRequest) -> None:
        """Hand the newest generation to the job that asks first."""
        self._claimed_by = claim.identity

    @property
    def claimed(self) -> bool:
        """Whether some job has taken the newest generation."""
        return self._claimed_by is not None

    def ready(self, report: AgentReady) -> bool:
        """The coming generation has the word from here on. False when the report is stale, repeated or invented."""
        if report.generation != self.coming:
            return False
        self.leaving = self.serving or self.leaving
        self.serving, self.coming = self.coming, None
        self._newest_ready = report.generation
        self._may_live = {report.generation}  # it has asked all older ones to yield, or removed them
        self.ever_ready = True
        self.missing_since = None
        return True

    def may_report(self, turn: Turn) -> bool:
        """Turns are taken from a generation for as long as no newer one has the word."""
        return self._newest_ready <= turn.generation <= self.generation

    def drain(self, generation: int) -> bool:
        """This generation's AgentServer will stop: it needs a successor. False when that is no news."""
        if generation not in (self.serving, self.coming) or generation in self._draining:
            return False
        self._draining.add(generation)
        return True

    def gone(self, generation: int, now: float, *, counts: bool, is_dead: bool) -> None:
        """This generation's launch is over. `counts`: a loss that belongs to a crash loop, if nobody else serves.

        `is_dead`: it can certainly not speak any more.
        """
        self._draining.discard(generation)
        if is_dead:
            self._may_live.discard(generation)
        if generation == self.leaving:
            self.leaving = None
            return
        was_coming = generation == self.coming
        if was_coming:
            self.coming = None
        else:
            self.serving = None
        if self.serving is None:
            self._lose(now, counts=counts)

    def _lose(self, now: float, *, counts: bool) -> None:
        if self.missing_since is None:
            self.missing_since = now
        if counts:
            self._losses.append(now)
        while self._losses and now - self._losses[0] > _MINUTE:
            self._losses.popleft()

    def stop(self) -> None:
        """No agent is there any more, and none will be."""
        self._stopped = True

    @property
    def crash_looping(self) -> bool:
        """Whether agents were lost more often within a minute than a session bears."""
        return len(self._losses) >= self._max_losses


def briefing(session: SessionRequest, generation: int, turns: tuple[Turn, ...], *, predecessor_lives: bool) -> Briefing:
    """What a new generation must know."""
    return Briefing(
        session_id=session.session_id,
        generation=generation,
        user_name=session.user_name,
        caller_identity=session.caller,
        options=session.options,
        turns=turns,
        heartbeat_timeout_seconds=session.limits.agent_heartbeat_timeout_seconds,
        alone_seconds=session.limits.agent_alone_seconds,
        silence_seconds=session.limits.silence_seconds,
        predecessor_lives=predecessor_lives,
    )
