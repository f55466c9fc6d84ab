"""The caller's connections, merged from reports that arrive twice, late or out of order; and the bill. Pure.

Reports are keyed by participant SID, and each says what was true at its own time; so every order and any number of
repetitions gives the same result.
"""

from __future__ import annotations

from bisect import bisect_right, insort

from pydantic import Field

from contracts.message import State
from contracts.room import Presence
from workflows.session.clock import span

MAX_CONNECTIONS = 32
"""Connections kept in detail. Older closed ones are folded into the first join and the last leave."""
_MAX_LEAVES = 16
"""Reported leaves kept of one connection, and of those without a SID."""
_WEBHOOK_GRAIN_MS = 1000
"""LiveKit stamps webhooks in whole seconds, so a leave may seem up to this much earlier than it was."""


class ObservedConnection(State):
    """One participant SID: LiveKit gives a new one to every full reconnect."""

    joined_at_ms: int | None = None
    seen_at_ms: int = 0
    leaves_at_ms: list[int] = Field(default_factory=list)


class CallerPresence(State):
    """Merges reports of the caller. `identities` are the caller's; a join before `began_at_ms` is a wrong clock."""

    identities: frozenset[str]
    began_at_ms: int
    connections: dict[str, ObservedConnection] = Field(default_factory=dict)
    leaves_without_sid_at_ms: list[int] = Field(default_factory=list)
    folded_first_join_ms: int | None = None
    folded_last_leave_ms: int | None = None

    def note(self, report: Presence) -> str | None:
        """Take in one report; reports about others are ignored. Returns the change in words, None if there is none."""
        was_present, left_at_ms = self.present, self.last_left_at_ms
        self._note(report)
        self._fold()
        if self.present is was_present:
            return None
        if was_present:
            return "left"
        return "joined" if left_at_ms is None else f"came back after {span((report.at_ms - left_at_ms) / 1000)}"

    def _note(self, report: Presence) -> None:
        if report.identity not in self.identities:
            return
        if report.kind == "left" and not report.participant_sid:
            # The reference's webhook names no SID: every connection that had joined by then has left.
            _insert(self.leaves_without_sid_at_ms, report.at_ms)
            return
        connection = self.connections.setdefault(report.participant_sid, ObservedConnection())
        joined_at_ms = report.joined_at_ms
        if report.kind == "left":
            _insert(connection.leaves_at_ms, report.at_ms)
        else:
            connection.seen_at_ms = max(connection.seen_at_ms, report.at_ms)
            joined_at_ms = joined_at_ms or report.at_ms
        if joined_at_ms:
            joined_at_ms = max(joined_at_ms, self.began_at_ms)
            connection.joined_at_ms = min(connection.joined_at_ms or joined_at_ms, joined_at_ms)

    def _fold(self) -> None:
        """Keep the newest connections in detail; the next join has ended every older one."""
        while len(self.connections) > MAX_CONNECTIONS:
            sid = min(self.connections, key=lambda each: _age(self.connections[each]))
            joined_at_ms, left_at_ms = self._span(self.connections[sid], self._joins())
            del self.connections[sid]
            if joined_at_ms is not None:
                self.folded_first_join_ms = _earliest(joined_at_ms, self.folded_first_join_ms)
                self.folded_last_leave_ms = _latest(left_at_ms, self.folded_last_leave_ms)

    def _joins(self) -> list[int]:
        return sorted(each.joined_at_ms for each in self.connections.values() if each.joined_at_ms is not None)

    def _spans(self) -> list[tuple[int, int | None]]:
        """Join and leave of each connection that has joined; the leave of an open one is None."""
        joins = self._joins()
        spans = (self._span(each, joins) for each in self.connections.values())
        return [(joined, left) for joined, left in spans if joined is not None]

    def _span(self, connection: ObservedConnection, joins: list[int]) -> tuple[int | None, int | None]:
        """The leave is the earliest that no later sighting contradicts: an agent that reconnects sees everybody leave.

        LiveKit lets an identity in once: the next join ends a connection, should its leave be lost.
        """
        joined, contradicted = connection.joined_at_ms, connection.seen_at_ms - _WEBHOOK_GRAIN_MS
        leaves = [_first_after(connection.leaves_at_ms, contradicted)]
        if joined is not None:
            leaves.append(_first_after(joins, max(joined, contradicted)))
            leaves.append(_first_after(self.leaves_without_sid_at_ms, max(joined - 1, contradicted)))
        return joined, _earliest(*leaves)

    @property
    def present(self) -> bool:
        """True while a connection is open. One that left before its join was reported stays closed."""
        return any(left is None for _, left in self._spans())

    @property
    def first_joined_at_ms(self) -> int | None:
        """The earliest join, or None while nobody has joined."""
        return _earliest(*self._joins(), self.folded_first_join_ms)

    @property
    def last_left_at_ms(self) -> int | None:
        """The latest departure of a connection that is known to have joined."""
        return _latest(*(left for _, left in self._spans()), self.folded_last_leave_ms)

    def billed_seconds(self, ended_at_ms: int) -> int:
        """Whole seconds from the first join to the end of the conversation; 0 when nobody joined.

        A caller who is not there at the end is billed until the last departure: the grace costs nothing.
        """
        start, left_at_ms = self.first_joined_at_ms, self.last_left_at_ms
        if start is None:
            return 0
        # A caller who came back while the session ended is no reason to bill the wait before.
        was_present = any(left is None and joined <= ended_at_ms for joined, left in self._spans())
        end = ended_at_ms if was_present or left_at_ms is None else min(ended_at_ms, left_at_ms)
        return max(0, end - start) // 1000


def billed_minutes(seconds: int) -> int:
    """Begun minutes: 0 for 0 s, 1 for 1 to 60 s, 2 for 61 s."""
    return -(-seconds // 60)


def _insert(times: list[int], at_ms: int) -> None:
    """Add a time once, in order. Beyond the bound the earliest and the latest are kept: these decide."""
    if at_ms not in times:
        insort(times, at_ms)
        if len(times) > _MAX_LEAVES:
            del times[_MAX_LEAVES // 2]


def _first_after(times: list[int], moment: int) -> int | None:
    at = bisect_right(times, moment)
    return times[at] if at < len(times) else None


def _earliest(*times: int | None) -> int | None:
    return min((at for at in times if at is not None), default=None)


def _latest(*times: int | None) -> int | None:
    return max((at for at in times if at is not None), default=None)


def _age(connection: ObservedConnection) -> int:
    return connection.joined_at_ms or max(connection.leaves_at_ms, default=0)
