"""Who was there, from reports that come twice, late, or in the wrong order; and the bill that follows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field

from contracts.room import Presence, Sightings
from contracts.session import SessionMemory
from workflows.session.clock import span

_CLOCK_GRAIN_MS = 1000
"""LiveKit stamps webhooks in whole seconds, so a leave may seem up to this much earlier than it was."""


@dataclass
class Connection:
    """One participant SID: LiveKit gives a new one to every full reconnect."""

    joined_at_ms: int | None = None
    seen_at_ms: int = 0
    leaves_at_ms: list[int] = field(default_factory=list)

    def left_at_ms(self, elsewhere: list[int]) -> int | None:
        """The earliest leave that no later sighting contradicts (an agent that reconnects sees everybody leave).

        `elsewhere` are leaves that were not reported of this connection by its SID.
        """
        leaves = self.leaves_at_ms + elsewhere
        return min((at for at in leaves if at + _CLOCK_GRAIN_MS > self.seen_at_ms), default=None)


class CallerPresence:
    """The caller's connections, merged from webhooks, the agent's eyes and looks at the room.

    Reports are keyed by participant SID, and each says what was true at its own time; so any order and any number of
    repetitions gives the same result.
    """

    def __init__(
        self, identities: Set[str], began_at_ms: int, one_at_a_time: Callable[[], bool] = lambda: True
    ) -> None:
        """`identities` are the caller's. `began_at_ms`: when the session began.

        A join from before it is a clock that is off, not time to bill. `one_at_a_time` is asked when a connection
        follows one that is still open: whether that one is over by this (not so in sessions that ran before this rule).
        """
        self._identities = identities
        self._began_at_ms = began_at_ms
        self._one_at_a_time = one_at_a_time
        self._ends_at_the_next = False
        self._connections: dict[str, Connection] = {}
        self._nameless_leaves_at_ms: list[int] = []

    def note(self, report: Presence) -> str | None:
        """Take in one report; those about anybody but the caller are ignored. Returns what it changes, in words."""
        was_present, left_at_ms = self.present, self.last_left_at_ms
        self._note(report)
        self._consider()
        if self.present is was_present:
            return None
        if was_present:
            return "left"
        return "joined" if left_at_ms is None else f"came back after {span((report.at_ms - left_at_ms) / 1000)}"

    def _note(self, report: Presence) -> None:
        if report.identity not in self._identities:
            return
        if report.kind == "left" and not report.participant_sid:
            # The reference's webhook names no SID: whoever had joined by then has left.
            self._nameless_leaves_at_ms.append(report.at_ms)
            return
        connection = self._connections.setdefault(report.participant_sid, Connection())
        joined_at_ms = report.joined_at_ms
        if report.kind == "left":
            connection.leaves_at_ms.append(report.at_ms)
        else:
            connection.seen_at_ms = max(connection.seen_at_ms, report.at_ms)
            joined_at_ms = joined_at_ms or report.at_ms
        if joined_at_ms:
            joined_at_ms = max(joined_at_ms, self._began_at_ms)
            connection.joined_at_ms = min(connection.joined_at_ms or joined_at_ms, joined_at_ms)

    def resume(self, memory: SessionMemory) -> None:
        """Go on with what an earlier run knew."""
        self._nameless_leaves_at_ms.extend(memory.nameless_leaves_at_ms)
        for each in memory.sightings:
            connection = Connection(each.joined_at_ms, each.seen_at_ms, list(each.leaves_at_ms))
            self._connections[each.participant_sid] = connection
        self._consider()

    def _consider(self) -> None:
        """LiveKit lets an identity in once: a later connection ends those before it, should their leave be lost."""
        if not self._ends_at_the_next and any(self._outlasts_the_next(c) for c in self._connections.values()):
            self._ends_at_the_next = self._one_at_a_time()

    def _outlasts_the_next(self, connection: Connection) -> bool:
        following, left_at_ms = self._next_join_ms(connection), self._left_at_ms(connection)
        return following is not None and (left_at_ms is None or left_at_ms > following)

    def _open(self) -> list[Connection]:
        return [c for c in self._connections.values() if c.joined_at_ms is not None and self._left_at_ms(c) is None]

    def _next_join_ms(self, connection: Connection) -> int | None:
        if connection.joined_at_ms is None:
            return None
        joins = (c.joined_at_ms for c in self._connections.values() if c.joined_at_ms is not None)
        return min((at for at in joins if at > connection.joined_at_ms), default=None)

    @property
    def sightings(self) -> tuple[Sightings, ...]:
        """All that is known of each connection, for a later run."""
        return tuple(
            Sightings(
                participant_sid=sid,
                joined_at_ms=connection.joined_at_ms,
                seen_at_ms=connection.seen_at_ms,
                leaves_at_ms=tuple(connection.leaves_at_ms),
            )
            for sid, connection in self._connections.items()
        )

    @property
    def nameless_leaves_at_ms(self) -> tuple[int, ...]:
        """Leaves that named no connection."""
        return tuple(self._nameless_leaves_at_ms)

    def _left_at_ms(self, connection: Connection) -> int | None:
        joined_at_ms = connection.joined_at_ms
        elsewhere = [at for at in self._nameless_leaves_at_ms if joined_at_ms is not None and joined_at_ms <= at]
        if self._ends_at_the_next and (following := self._next_join_ms(connection)):
            elsewhere.append(following)
        return connection.left_at_ms(elsewhere)

    @property
    def present(self) -> bool:
        """Whether a connection is open now. One that left before its join was reported stays closed."""
        return bool(self._open())

    @property
    def first_joined_at_ms(self) -> int | None:
        """The earliest join, or None while nobody has joined."""
        return min((c.joined_at_ms for c in self._connections.values() if c.joined_at_ms is not None), default=None)

    @property
    def last_left_at_ms(self) -> int | None:
        """The latest departure of a connection that is known to have joined."""
        lefts = (self._left_at_ms(c) for c in self._connections.values() if c.joined_at_ms is not None)
        return max((left for left in lefts if left is not None), default=None)

    def billed_seconds(self, ended_at_ms: int) -> int:
        """Whole seconds from the first join to the end of the conversation; 0 when nobody joined.

        A caller who is not there at the end is billed until the last departure: the grace costs nothing.
        """
        start = self.first_joined_at_ms
        if start is None:
            return 0
        left_at_ms = self.last_left_at_ms
        # Who came back while the session ended is no reason to bill the wait before.
        was_present = any(c.joined_at_ms is not None and c.joined_at_ms <= ended_at_ms for c in self._open())
        end = ended_at_ms if was_present or left_at_ms is None else min(ended_at_ms, left_at_ms)
        return max(0, end - start) // 1000


def billed_minutes(seconds: int) -> int:
    """Begun minutes: 0 for 0 s, 1 for 1 to 60 s, 2 for 61 s."""
    return -(-seconds // 60)
