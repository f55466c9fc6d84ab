"""The handover protocol: a newcomer asks for the floor, the incumbent finishes its sentence and hands over.

Both use LiveKit RPC, so a handover needs nothing but the room. `yield` is answered at once and gives nothing away: a
newcomer that dies after it leaves the floor where it was. A dead or frozen incumbent does not answer, and is removed
from the room.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass

from livekit import rtc
from pydantic import ValidationError

from contracts.agent import LIVENESS_PROBE_SECONDS, Briefing, Handover, YieldRequest
from contracts.identities import ARRIVED, agent_generation
from contracts.turns import Turn
from workflows.session.transcript import Transcript

logger = logging.getLogger("agent.handover.protocol")

YIELD = "yield"
HAND_OVER = "hand_over"
HANDED_OVER = "handed over to its successor"

_SLOW_LIVENESS_PROBE_SECONDS = 3.0
"""Replaces `LIVENESS_PROBE_SECONDS` for a predecessor that is known to serve: the caller is not waiting then."""
_ANSWER_SECONDS = 2.0
_FINISH_SECONDS = 20.0
"""An incumbent may talk so long before the floor is taken from it."""
_DELIVERY_SECONDS = 0.3
_ASK_GRACE_SECONDS = 3.0
"""An incumbent leaves if a newcomer has not asked it after so long."""
_MAX_HANDOVER_BYTES = 14_000
"""LiveKit carries 15 KiB in an answer."""


FinishSpeaking = Callable[[float], Coroutine[None, None, tuple[Turn, ...]]]
"""`finish_speaking(limit_seconds)` ends the current sentence, releases the floor, and returns this agent's turns."""


@dataclass(frozen=True)
class Succession:
    """The result of a takeover.

    `in_order`: a live predecessor finished and handed over. `certain`: briefing and `turns` are the whole transcript;
    False if a predecessor answered and then failed.
    """

    in_order: bool = False
    certain: bool = True
    turns: tuple[Turn, ...] = ()

    def after(self, known: Iterable[Turn]) -> tuple[Turn, ...]:
        """Merge the turns known before with those handed over."""
        transcript = Transcript()
        for turn in (*known, *self.turns):
            transcript.note(turn)
        return transcript.turns


async def take_over(room: rtc.Room, briefing: Briefing, remove: Callable[[str], Awaitable[object]]) -> Succession:
    """Make every older generation in the room yield; `remove` those that do not answer.

    When it returns, none of them will be heard any more.
    """
    older = [name for name in room.remote_participants if 0 < (agent_generation(name) or 0) < briefing.generation]
    parts = await asyncio.gather(*(_replace_one(room, identity, briefing, remove) for identity in older))
    return Succession(
        in_order=any(part.in_order for part in parts),
        certain=all(part.certain for part in parts),
        turns=tuple(turn for part in parts for turn in part.turns),
    )


async def _replace_one(
    room: rtc.Room, identity: str, briefing: Briefing, remove: Callable[[str], Awaitable[object]]
) -> Succession:
    theirs = (turn for turn in briefing.turns if turn.generation == agent_generation(identity) and turn.final)
    known = max((turn.sequence for turn in theirs), default=0)
    request = YieldRequest(generation=briefing.generation, known_sequence=known).model_dump_json()
    answered = False
    probe = _SLOW_LIVENESS_PROBE_SECONDS if briefing.predecessor_lives else LIVENESS_PROBE_SECONDS
    try:
        await _call(room, identity, YIELD, request, probe_seconds=probe, answer_seconds=_ANSWER_SECONDS)
        answered = True
        finish_seconds = _FINISH_SECONDS + _ANSWER_SECONDS
        answer = await _call(room, identity, HAND_OVER, request, probe_seconds=probe, answer_seconds=finish_seconds)
        return Succession(in_order=True, turns=Handover.model_validate_json(answer).turns)
    except (rtc.RpcError, TimeoutError, ValidationError) as error:
        logger.info("%s did not hand over (%s): removing it", identity, type(error).__name__)
    await remove(identity)
    return Succession(certain=not answered)


async def _call(
    room: rtc.Room, identity: str, method: str, payload: str, *, probe_seconds: float, answer_seconds: float
) -> str:
    """Call a participant: `probe_seconds` for its acknowledgement, then `answer_seconds` for its answer."""
    # A second timer beside the library's: a newcomer must never wait for good.
    async with asyncio.timeout(probe_seconds + answer_seconds):
        return await room.local_participant.perform_rpc(
            destination_identity=identity,
            method=method,
            payload=payload,
            response_timeout=probe_seconds + answer_seconds,
            max_round_trip_latency=probe_seconds,
        )


class Incumbent:
    """Hands the floor over when a newer generation asks, or leaves when one arrives and does not ask."""

    def __init__(
        self,
        room: rtc.Room,
        generation: int,
        finish_speaking: Callable[[float], Coroutine[None, None, tuple[Turn, ...]]],
    ) -> None:
        self._room = room
        self._generation = generation
        self._finish_speaking = finish_speaking
        self._finishing: asyncio.Task[tuple[Turn, ...]] | None = None
        self._asked_by: set[str] = set()
        self._watches: set[asyncio.Task[None]] = set()
        self._dismissed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        room.local_participant.register_rpc_method(YIELD, self._on_yield)
        room.local_participant.register_rpc_method(HAND_OVER, self._on_hand_over)
        room.on("participant_connected", self._on_participant)
        for participant in room.remote_participants.values():
            if self._is_newer(participant.identity) and ARRIVED in participant.attributes:
                # It asked before this agent had joined.
                self._watch(self._give_way(participant.identity))

    async def wait_for_dismissal(self) -> str:
        """Wait until a newer generation has replaced this one; return the reason."""
        return await asyncio.shield(self._dismissed)

    async def _on_yield(self, call: rtc.RpcInvocationData) -> str:
        self._require_newer(call)
        logger.info("generation %s will yield", self._generation)
        self._asked_by.add(call.caller_identity)
        return ""

    async def _on_hand_over(self, call: rtc.RpcInvocationData) -> str:
        self._require_newer(call)
        known = YieldRequest.model_validate_json(call.payload).known_sequence
        turns = await asyncio.shield(self._finish())
        # Leaving the room cuts the connection, so the answer goes out first.
        asyncio.get_running_loop().call_later(_DELIVERY_SECONDS, self._dismiss, HANDED_OVER)
        return pack_handover(turn for turn in turns if turn.sequence > known)

    def _require_newer(self, call: rtc.RpcInvocationData) -> None:
        """Refuse callers and older generations: every participant that may send data can call."""
        if not self._is_newer(call.caller_identity):
            raise rtc.RpcError(rtc.RpcError.ErrorCode.APPLICATION_ERROR, "only a newer generation may ask")

    def _finish(self) -> asyncio.Task[tuple[Turn, ...]]:
        if self._finishing is None:
            self._finishing = asyncio.create_task(self._finish_speaking(_FINISH_SECONDS))
        return self._finishing

    def _on_participant(self, participant: rtc.RemoteParticipant) -> None:
        if self._is_newer(participant.identity):
            self._watch(self._watch_newcomer(participant.identity))

    def _is_newer(self, identity: str) -> bool:
        return (agent_generation(identity) or 0) > self._generation

    def _watch(self, newcomer: Coroutine[None, None, None]) -> None:
        watch = asyncio.create_task(newcomer)
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _watch_newcomer(self, newcomer: str) -> None:
        """Leave if a newcomer does not ask: it may not reach us, and must not become a second voice.

        Keep talking while its own claim is not accepted, as in an outage of Temporal: it stays silent then.
        """
        while self._finishing is None:
            await asyncio.sleep(_ASK_GRACE_SECONDS)
            participant = self._room.remote_participants.get(newcomer)
            if participant is None or newcomer in self._asked_by:
                return
            if self._finishing is None and ARRIVED in participant.attributes:
                await self._give_way(newcomer)

    async def _give_way(self, newcomer: str) -> None:
        logger.warning("%s joined and did not ask for the floor: generation %s leaves", newcomer, self._generation)
        await self._finish()
        self._dismiss("a newer generation was there and did not ask")

    def _dismiss(self, reason: str) -> None:
        if not self._dismissed.done():
            self._dismissed.set_result(reason)


def pack_handover(turns: Iterable[Turn]) -> str:
    """Serialize as many of the latest turns as fit into one RPC answer."""
    kept = tuple(turns)
    while len(text := Handover(turns=kept).model_dump_json()) > _MAX_HANDOVER_BYTES and kept:
        kept = kept[1:]
    return text
