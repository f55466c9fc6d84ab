"""The numbered generations of a session's agent: which serves, which is coming, and how many failed lately. Pure.

At any time one generation serves and one is coming, at most. Times are the workflow's seconds.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from contracts.agent import AgentReady, AgentReports, Briefing, ClaimRequest
from contracts.message import State
from contracts.session import SessionRequest
from contracts.statuses import AgentState
from contracts.turns import Turn

MAX_RECORDS = 16
"""Generations kept: those with an activity, and those that may still be in the room; the oldest exited one goes."""
_MINUTE = 60.0


class Phase(StrEnum):
    """The steps of one generation's life."""

    QUEUED = "queued"  # until an agent host has taken it
    LAUNCHING = "launching"  # until it is ready
    SERVING = "serving"
    LEAVING = "leaving"  # its successor serves
    EXITED = "exited"


_NEEDED = (Phase.QUEUED, Phase.LAUNCHING, Phase.SERVING)


class Generation(State):
    """One agent. `may_live`: it is not proven dead, and no successor has asked it to yield."""

    number: int
    phase: Phase = Phase.QUEUED
    queued_at: float = 0
    claimed_by: str = ""
    host: str = ""
    is_draining: bool = False
    may_live: bool = True
    serving_since: float = 0
    batches: int = 0
    """The number of the last batch of its reports."""
    seen_at_ms: int = 0
    """Its last sign of life that has a time of its own."""


class Generations(State):
    """All that a session knows of its agents."""

    missing_since: float | None
    launched: int = 0
    newest_ready: int = 0
    served: list[tuple[int, int | None]] = Field(default_factory=list)
    """From when until when an agent served; until None: now. At most `MAX_RECORDS`."""
    records: list[Generation] = Field(default_factory=list)
    failed_at: list[float] = Field(default_factory=list)
    launch_reason: str = "the session's first"
    are_stopped: bool = False

    def _in(self, phase: Phase) -> Generation | None:
        return next((each for each in self.records if each.phase is phase), None)

    def find(self, number: int) -> Generation | None:
        """The generation of this number, unless it is forgotten."""
        return next((each for each in self.records if each.number == number), None)

    @property
    def serving(self) -> Generation | None:
        """The generation that has the floor, as far as the session knows."""
        return self._in(Phase.SERVING)

    @property
    def coming(self) -> Generation | None:
        """The generation that is not ready yet: queued or launching."""
        return self._in(Phase.QUEUED) or self._in(Phase.LAUNCHING)

    @property
    def leaving(self) -> Generation | None:
        """The generation that handed the floor over, and whose activity still runs."""
        return self._in(Phase.LEAVING)

    @property
    def active(self) -> list[Generation]:
        """Those that have not exited, oldest first."""
        return [each for each in self.records if each.phase is not Phase.EXITED]

    @property
    def state(self) -> AgentState:
        """The agent's state as callers of the API see it."""
        if self.are_stopped:
            return AgentState.STOPPED
        if self.serving is not None:
            return AgentState.READY
        if (coming := self.coming) is None:
            return AgentState.LOST if self.launched else AgentState.QUEUED
        return AgentState.QUEUED if coming.phase is Phase.QUEUED else AgentState.LAUNCHING

    @property
    def needs_another(self) -> bool:
        """True if a generation should be launched: none serves, or the serving one must go.

        One coming is enough. The successor of a draining one waits until the generation before has left.
        """
        if self.coming is not None or self.are_stopped:
            return False
        serving = self.serving
        return serving is None or (serving.is_draining and self.leaving is None)

    @property
    def predecessor_lives(self) -> bool:
        """True while an agent serves."""
        return self.serving is not None

    @property
    def predecessor_may_live(self) -> bool:
        """True while any generation may still be in the room and able to answer."""
        return any(each.may_live for each in self.records)

    @property
    def is_calm(self) -> bool:
        """True while one agent serves, and none comes or goes."""
        serving = self.serving
        return self.coming is None and self.leaving is None and serving is not None and not serving.is_draining

    def launch(self, now: float) -> int:
        """Queue the next generation and return its number."""
        self.launched += 1
        self.records = [each for each in self.records if each.may_live or each.phase is not Phase.EXITED]
        self.records.append(Generation(number=self.launched, queued_at=now))
        if len(self.records) > MAX_RECORDS:
            self.records.remove(next(each for each in self.records if each.phase is Phase.EXITED))
        return self.launched

    def may_claim(self, claim: ClaimRequest) -> bool:
        """True for one job of the newest generation alone: a second job would be a second voice."""
        newest = self.find(self.launched)
        if newest is None or claim.generation != newest.number:
            return False
        return newest.phase in _NEEDED and newest.claimed_by in ("", claim.identity)

    def claim(self, claim: ClaimRequest) -> Generation | None:
        """Give the newest generation to the job that asks first. Returns it if it was queued until now."""
        newest = self.find(claim.generation)
        if newest is None or newest.phase is not Phase.QUEUED:
            return None
        newest.claimed_by, newest.host = claim.identity, claim.host
        newest.phase = Phase.LAUNCHING
        return newest

    def ready(self, report: AgentReady, now: float) -> bool:
        """The coming generation has the floor from here on. False for a stale, repeated or invented report."""
        newcomer = self.coming
        if newcomer is None or report.generation != newcomer.number:
            return False
        if (serving := self.serving) is not None:
            serving.phase = Phase.LEAVING
        for older in self.records:  # the newcomer has asked all of them to yield, or removed them
            older.may_live = older is newcomer
        newcomer.phase = Phase.SERVING
        newcomer.serving_since = now
        ready_at_ms = min(max(report.at_ms, round(newcomer.queued_at * 1000)), round(now * 1000))
        newcomer.seen_at_ms = ready_at_ms
        self._serve_from(ready_at_ms)
        self.newest_ready = newcomer.number
        self.missing_since = None
        return True

    def _serve_from(self, at_ms: int) -> None:
        """Go on from the generation before, or after a gap."""
        if not self.served or self.served[-1][1] is not None:
            self.served.append((at_ms, None))
        if len(self.served) > MAX_RECORDS:  # the two oldest count as one
            (begun, _), (_, ended), *rest = self.served
            self.served = [(begun, ended), *rest]

    def take(self, batch: AgentReports) -> bool:
        """Note a batch of reports. False if it was taken before: its sender got no answer, and sent it again."""
        generation = self.find(batch.generation)
        if generation is None or not batch.number:
            return True
        if batch.number <= generation.batches:
            return False
        generation.batches = batch.number
        return True

    def may_report(self, turn: Turn) -> bool:
        """Turns are taken from a generation until a newer one has the floor."""
        return self.newest_ready <= turn.generation <= self.launched

    def drain(self, number: int) -> bool:
        """This generation's AgentServer stops: it needs a successor. False if repeated, or if it does not serve."""
        generation = self.find(number)
        if generation is None or generation.is_draining or generation.phase not in _NEEDED:
            return False
        generation.is_draining = True
        return True

    def exited(self, number: int, now: float, *, counts: bool, is_dead: bool) -> None:
        """This generation's activity is over. `counts`: towards a crash loop, if no other agent serves."""
        generation = self.find(number)
        if generation is None:
            return
        was_leaving = generation.phase is Phase.LEAVING
        generation.phase = Phase.EXITED
        generation.is_draining = False
        generation.may_live = generation.may_live and not is_dead
        if not was_leaving and self.serving is None:
            self.missing_since = now if self.missing_since is None else self.missing_since
            self.failed_at = [at for at in [*self.failed_at, *([now] if counts else [])] if now - at <= _MINUTE]

    def seen(self, number: int, at_ms: int) -> None:
        """This generation was alive then."""
        if (generation := self.find(number)) is not None:
            generation.seen_at_ms = max(generation.seen_at_ms, at_ms)

    def gone(self, number: int, at_ms: int) -> None:
        """This generation was there until then, and exited. Times before its last sign of life are wrong."""
        if number == self.newest_ready and self.served and (generation := self.find(number)) is not None:
            begun, _ = self.served[-1]
            self.served[-1] = begun, max(at_ms, generation.seen_at_ms)

    def stop(self) -> None:
        """No agent is left, and none will come."""
        self.are_stopped = True

    def is_crash_loop(self, max_failures_per_minute: int) -> bool:
        """True if agents failed more often within a minute than a session bears."""
        return len(self.failed_at) >= max_failures_per_minute


def briefing(session: SessionRequest, generation: int, turns: tuple[Turn, ...], *, predecessor_lives: bool) -> Briefing:
    """Everything that a new generation must know."""
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
