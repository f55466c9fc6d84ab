"""The caller's connections, merged from reports that arrive twice, late or out of order. Pure.

Reports are keyed by participant SID, and each says what was true at its own time; so every order and any number of
repetitions gives the same result.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import NamedTuple, TypeVar

from pydantic import Field

from contracts.message import State
from contracts.room import Presence
from workflows.session.clock import span

MAX_CONNECTIONS = 32
"""Connections kept in detail. Older closed ones are folded into the first join and the last leave."""
_MAX_LEAVES = 16
"""Reported leaves kept of one connection, and of those without a SID."""
_LATEST_WEBHOOK_MS = 15_000
"""A join that LiveKit dates earlier than that before its receipt is by a clock that is behind."""
_WEBHOOK_GRAIN_MS = 1000
"""LiveKit stamps webhooks in whole seconds, so a leave may seem up to this much earlier than it was."""


class ObservedConnection(State):
    """One participant SID: LiveKit gives a new one to every full reconnect.

    Sightings contradict leaves of the same clock: that of agents and workers, or LiveKit's in webhooks.
    """

    joined_at_ms: int | None = None
    seen_at_ms: int = 0
    leaves_at_ms: list[int] = Field(default_factory=list)
    livekit_joined_at_ms: int = 0
    """The join by LiveKit's clock: two connections are put in order by it."""
    noticed_at_ms: int = 0
    """When the join was first known to any of us."""
    webhook_join_at_ms: tuple[int, int] = (0, 0)
    """The latest that was reported; LiveKit's time of it, and that of its receipt."""
    webhook_leaves_at_ms: list[tuple[int, int]] = Field(default_factory=list)
    """LiveKit's time of each, and that of its receipt."""

    def join(self, report: Presence, received_at_ms: int) -> None:
        """Somebody saw it, or saw it begin."""
        if report.source != "webhook":
            self.seen_at_ms = max(self.seen_at_ms, report.at_ms)
            return
        at_ms, first_received_at_ms = self.webhook_join_at_ms
        if report.at_ms == at_ms:  # LiveKit repeats it
            received_at_ms = min(received_at_ms, first_received_at_ms)
        if report.at_ms >= at_ms:
            self.webhook_join_at_ms = report.at_ms, received_at_ms

    def leave(self, report: Presence, received_at_ms: int) -> None:
        """Somebody saw it end."""
        if report.source == "webhook":
            receipts = dict(self.webhook_leaves_at_ms)
            receipts[report.at_ms] = min(received_at_ms, receipts.get(report.at_ms, received_at_ms))
            self.webhook_leaves_at_ms = _bounded(sorted(receipts.items()))
        else:
            _insert(self.leaves_at_ms, report.at_ms)

    @property
    def left_at_ms(self) -> int | None:
        """The earliest leave that no later sighting contradicts: an agent that reconnects sees everybody leave.

        By our clock if an agent saw it. One that stood still saw it late, and the webhook's receipt bounds that.
        """
        webhooks = [
            (at_ms, received_at_ms)
            for at_ms, received_at_ms in self.webhook_leaves_at_ms
            if at_ms + _WEBHOOK_GRAIN_MS > self.webhook_join_at_ms[0] and received_at_ms >= self.seen_at_ms
        ]
        seen_to_leave = _first_after(self.leaves_at_ms, self.seen_at_ms - 1)
        if seen_to_leave is None:
            return _earliest(*(self._by_our_clock(*times) for times in webhooks))
        return _earliest(seen_to_leave, *(received_at_ms for _, received_at_ms in webhooks))

    def _by_our_clock(self, left_at_ms: int, received_at_ms: int) -> int:
        """A leave that LiveKit dates as much too early as it did the join is by a clock that is behind."""
        lag, lag_of_join = received_at_ms - left_at_ms, self.noticed_at_ms - self.livekit_joined_at_ms
        is_behind = min(lag, lag_of_join) > _LATEST_WEBHOOK_MS > abs(lag - lag_of_join)
        at_ms = left_at_ms + min(lag, lag_of_join) if is_behind else min(left_at_ms, received_at_ms)
        return max(at_ms, self.seen_at_ms)


def _clock_error(report: Presence) -> int:
    """Milliseconds by which LiveKit's clock is ahead of ours, as far as one webhook shows; negative: behind."""
    if report.source != "webhook" or report.received_at_ms is None:
        return 0
    delay = report.received_at_ms - report.at_ms
    return 0 if 0 <= delay <= _LATEST_WEBHOOK_MS else -delay


Time = TypeVar("Time", int, tuple[int, int])


class Join(NamedTuple):
    """A join by LiveKit's clock, by ours as far as that is known, and when it was first known."""

    livekit_at_ms: int
    at_ms: int
    noticed_at_ms: int


class Span(NamedTuple):
    """A connection that has joined. An open one has no leave; `noticed_at_ms` is when the leave was found out."""

    joined_at_ms: int
    left_at_ms: int | None
    noticed_at_ms: int | None


class CallerPresence(State):
    """Merges reports of the caller. `identities` are the caller's; a join before `began_at_ms` is a wrong clock."""

    identities: frozenset[str]
    began_at_ms: int
    connections: dict[str, ObservedConnection] = Field(default_factory=dict)
    leaves_without_sid_at_ms: list[int] = Field(default_factory=list)
    absences_at_ms: list[int] = Field(default_factory=list)
    """Times at which the caller was looked for and was not there."""
    met_at_ms: int | None = None
    """The first time that an agent saw the caller in the room."""
    sighted_at_ms: int = 0
    """The last positive sighting of any kind."""
    folded_first_join_ms: int | None = None
    folded_last_leave_ms: int | None = None

    def note(self, report: Presence, now_ms: int) -> str | None:
        """Take in one report; reports about others are ignored. Returns the change in words, None if there is none."""
        was_present, left_at_ms = self.present, self.last_left_at_ms
        if report.identity in self.identities:
            self._note(report, now_ms)
            self._fold()
        if self.present is was_present:
            return None
        if was_present:
            return "is not there any more" if report.kind == "absent" else "left"
        return "joined" if left_at_ms is None else f"came back after {span((report.at_ms - left_at_ms) / 1000)}"

    def sighted(self, at_ms: int) -> None:
        """An agent lived until then: it would have said before if the caller was gone."""
        if self.present:
            self.sighted_at_ms = max(self.sighted_at_ms, at_ms)

    def _note(self, report: Presence, now_ms: int) -> None:
        # Nothing is reported before it happens: later times are by a clock that is ahead of ours.
        # What is ours has no receipt, and one time.
        received_at_ms = min(report.received_at_ms or report.at_ms, now_ms)
        at_ms = min(report.at_ms, received_at_ms)
        if report.kind == "absent":
            _insert(self.absences_at_ms, at_ms)
            return
        if report.kind == "left" and not report.participant_sid:
            # The reference's webhook names no SID: every connection that had joined by then has left.
            _insert(self.leaves_without_sid_at_ms, at_ms)
            return
        connection = self.connections.setdefault(report.participant_sid, ObservedConnection())
        joined_at_ms = report.joined_at_ms
        if report.source != "webhook":
            report = report.model_copy(update={"at_ms": at_ms})
        if report.kind == "joined":
            connection.join(report, received_at_ms)
            joined_at_ms = joined_at_ms or report.at_ms
            if report.source != "webhook":
                self.sighted_at_ms = max(self.sighted_at_ms, at_ms)
            if report.source == "agent":
                self.met_at_ms = _earliest(self.met_at_ms, max(at_ms, self.began_at_ms))
        else:
            connection.leave(report, received_at_ms)
        if joined_at_ms:
            connection.livekit_joined_at_ms = min(connection.livekit_joined_at_ms or joined_at_ms, joined_at_ms)
            joined_at_ms = min(joined_at_ms - _clock_error(report), received_at_ms)
            connection.joined_at_ms = _earliest(connection.joined_at_ms, max(joined_at_ms, self.began_at_ms))
            connection.noticed_at_ms = min(connection.noticed_at_ms or received_at_ms, received_at_ms)

    def _fold(self) -> None:
        """Keep the newest connections in detail; the next join has ended every older one."""
        while len(self.connections) > MAX_CONNECTIONS:
            sid = min(self.connections, key=lambda each: _age(self.connections[each]))
            folded = self._span(self.connections.pop(sid), self._joins())
            if folded is not None:
                self.folded_first_join_ms = _earliest(folded.joined_at_ms, self.folded_first_join_ms)
                self.folded_last_leave_ms = _latest(folded.left_at_ms, self.folded_last_leave_ms)

    def _joins(self) -> list[Join]:
        """In LiveKit's order."""
        return sorted(
            Join(each.livekit_joined_at_ms, each.joined_at_ms, each.noticed_at_ms)
            for each in self.connections.values()
            if each.joined_at_ms is not None
        )

    def _spans(self) -> list[Span]:
        joins = self._joins()
        return [each_span for each in self.connections.values() if (each_span := self._span(each, joins))]

    def _span(self, connection: ObservedConnection, joins: list[Join]) -> Span | None:
        """LiveKit lets an identity in once: the next join ends a connection, should its leave be lost.

        A caller who was only found missing left at the last positive sighting.
        """
        joined = connection.joined_at_ms
        if joined is None:
            return None
        seen = max(connection.seen_at_ms, min(connection.webhook_join_at_ms))
        contradicted = max(joined - 1, seen - _WEBHOOK_GRAIN_MS)
        later = (each for each in joins if each.livekit_at_ms > connection.livekit_joined_at_ms)
        following = next((each for each in later if each.noticed_at_ms > contradicted), None)
        left = _earliest(
            connection.left_at_ms,
            _first_after(self.leaves_without_sid_at_ms, contradicted),
            max(following.at_ms, joined, connection.seen_at_ms) if following else None,
        )
        missed = _first_after(self.absences_at_ms, max(joined, connection.seen_at_ms))
        if left is not None or missed is None:
            left = _earliest(left, missed)
            return Span(joined, left, left)
        return Span(joined, min(missed, max(joined, seen, self.sighted_at_ms)), missed)

    @property
    def present(self) -> bool:
        """True while a connection is open. One that left before its join was reported stays closed."""
        return any(span.left_at_ms is None for span in self._spans())

    @property
    def first_joined_at_ms(self) -> int | None:
        """The earliest join, or None while nobody has joined."""
        return _earliest(*(join.at_ms for join in self._joins()), self.folded_first_join_ms)

    @property
    def last_left_at_ms(self) -> int | None:
        """The latest departure of a connection that is known to have joined."""
        return _latest(*(span.left_at_ms for span in self._spans()), self.folded_last_leave_ms)

    @property
    def missed_since_ms(self) -> int | None:
        """When the last departure was found out: the caller has the grace from then on."""
        return _latest(*(span.noticed_at_ms for span in self._spans()), self.folded_last_leave_ms)

    @property
    def stays(self) -> list[tuple[int, int | None]]:
        """From when until when the caller was there; until None: still. Folded connections count as one stay."""
        stays = [(span.joined_at_ms, span.left_at_ms) for span in self._spans()]
        if self.folded_first_join_ms is not None:
            stays.append((self.folded_first_join_ms, self.folded_last_leave_ms))
        return stays


def _insert(times: list[int], at_ms: int) -> None:
    """Add a time once, in order."""
    if at_ms not in times:
        insort(times, at_ms)
        _bounded(times)


def _bounded(times: list[Time]) -> list[Time]:
    """Keep the earliest and the latest: these decide."""
    if len(times) > _MAX_LEAVES:
        del times[_MAX_LEAVES // 2]
    return times


def _first_after(times: list[int], moment: int) -> int | None:
    at = bisect_right(times, moment)
    return times[at] if at < len(times) else None


def _earliest(*times: int | None) -> int | None:
    return min((at for at in times if at is not None), default=None)


def _latest(*times: int | None) -> int | None:
    return max((at for at in times if at is not None), default=None)


def _age(connection: ObservedConnection) -> int:
    return connection.joined_at_ms or max(
        (*connection.leaves_at_ms, *(at for at, _ in connection.webhook_leaves_at_ms)), default=0
    )
