"""The slots of live sessions, in one serializable structure. Pure; times are the workflow's seconds."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pydantic import Field

from contracts.message import State
from contracts.slots import MOST_SLOTS, Holder, Refusal, TakeSlots


class Slot(State):
    """One session's slot. Its workflow may not be there before `starting_until`."""

    owner: str = ""
    starting_until: float = 0


class Slots(State):
    """At most `MOST_SLOTS`, by session."""

    taken: dict[str, Slot] = Field(default_factory=dict)

    def take(self, request: TakeSlots, now: float) -> dict[str, Refusal]:
        """Give a slot to each session that wants one, in order; returns those refused. A repetition changes nothing."""
        refused: dict[str, Refusal] = {}
        for wanted in request.wanted:
            if (refusal := self._refusal(wanted, request)) is not None:
                refused[wanted.session_id] = refusal
            else:
                slot = Slot(owner=wanted.owner, starting_until=now + request.start_seconds)
                self.taken[wanted.session_id] = slot
        return refused

    def _refusal(self, wanted: Holder, request: TakeSlots) -> Refusal | None:
        if wanted.session_id in self.taken:
            return None
        if len(self.taken) >= min(request.max_sessions or MOST_SLOTS, MOST_SLOTS):
            return Refusal.SESSIONS
        if wanted.owner and request.max_sessions_per_owner:
            of_owner = sum(slot.owner == wanted.owner for slot in self.taken.values())
            if of_owner >= request.max_sessions_per_owner:
                return Refusal.OWNER
        return None

    def release(self, session_id: str) -> None:
        """This session has ended."""
        self.taken.pop(session_id, None)

    def adopt(self, running: Iterable[Holder]) -> None:
        """Sessions that run without a slot: they began before there was a limit."""
        for holder in running:
            self.taken.setdefault(holder.session_id, Slot(owner=holder.owner))

    def doubtful(self, now: float) -> tuple[str, ...]:
        """Sessions that must have a workflow by now, if they run."""
        return tuple(session_id for session_id, slot in self.taken.items() if slot.starting_until <= now)

    def free(self, running: Collection[str], asked_at: float) -> int:
        """Release slots of sessions that did not run then; returns how many. One that starts again keeps its slot."""
        ended = [session_id for session_id in self.doubtful(asked_at) if session_id not in running]
        for session_id in ended:
            self.release(session_id)
        return len(ended)
