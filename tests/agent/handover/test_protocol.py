"""A takeover: predecessors yield or are removed, and hand over their turns."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc

from agent.handover import protocol
from agent.handover.protocol import HANDED_OVER, Incumbent, Succession, pack_handover, take_over
from contracts.agent import Handover
from contracts.identities import ARRIVED
from contracts.turns import Turn
from tests.fakes.briefings import briefing
from tests.fakes.rpc_rooms import FakeRoom


def turn(sequence: int, text: str = "something") -> Turn:
    return Turn(generation=1, sequence=sequence, role="agent", text=text, at_ms=sequence)


class Predecessor:
    """Generation 1, alone in its room at first."""

    def __init__(self, *turns: Turn) -> None:
        self.room = FakeRoom("agent_1_AJ_a")
        self.turns = turns
        self.sentence_over = asyncio.Event()
        self.finished = 0
        self.incumbent = Incumbent(self.room, 1, self._finish_speaking)

    async def _finish_speaking(self, limit_seconds: float) -> tuple[Turn, ...]:
        self.finished += 1
        await asyncio.wait_for(self.sentence_over.wait(), limit_seconds)
        return self.turns


class Newcomer:
    """Generation 2; records whom it removes."""

    def __init__(self, *known: Turn) -> None:
        self.room = FakeRoom("agent_2_AJ_b")
        self.known = known
        self.removed: list[str] = []

    async def _remove(self, identity: str) -> None:
        self.removed.append(identity)

    async def take_over(self) -> Succession:
        return await take_over(self.room, briefing(generation=2, turns=self.known), self._remove)


async def test_without_predecessors_nothing_is_removed() -> None:
    newcomer = Newcomer()
    newcomer.room.meet(FakeRoom("user_ann"))
    newcomer.room.meet(FakeRoom("agent_3_AJ_c"))
    assert await newcomer.take_over() == Succession(in_order=False, certain=True, turns=())
    assert newcomer.removed == []


async def test_a_live_incumbent_finishes_and_hands_over_unknown_turns() -> None:
    old, new = Predecessor(turn(1), turn(2), turn(3)), Newcomer(turn(1), turn(2))
    new.room.meet(old.room)
    taking = asyncio.create_task(new.take_over())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(taking), 0.05)
    old.sentence_over.set()
    assert await taking == Succession(in_order=True, certain=True, turns=(turn(3),))
    assert await asyncio.wait_for(old.incumbent.wait_for_dismissal(), 5) == HANDED_OVER
    assert new.removed == []
    assert old.finished == 1


async def test_a_partly_known_answer_is_handed_over_whole() -> None:
    part = turn(2, "Half of it.").model_copy(update={"final": False})
    old, new = Predecessor(turn(1), turn(2, "Half of it. And the rest.")), Newcomer(turn(1), part)
    new.room.meet(old.room)
    old.sentence_over.set()
    succession = await new.take_over()
    assert [each.text for each in succession.after(new.known)] == ["something", "Half of it. And the rest."]


async def test_an_unresponsive_predecessor_is_removed() -> None:
    new = Newcomer()
    new.room.meet(FakeRoom("agent_1_AJ_a"))
    assert await new.take_over() == Succession(in_order=False, certain=True, turns=())
    assert new.removed == ["agent_1_AJ_a"]


async def test_a_predecessor_that_answers_and_then_fails_makes_the_transcript_uncertain() -> None:
    old, new = Predecessor(turn(1)), Newcomer()
    new.room.meet(old.room)
    del old.room.own.handlers[protocol.HAND_OVER]
    assert await new.take_over() == Succession(in_order=False, certain=False, turns=())
    assert new.removed == ["agent_1_AJ_a"]


async def test_a_hanging_predecessor_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_ANSWER_SECONDS", 0.01)
    old, new = Predecessor(), Newcomer()
    new.room.meet(old.room)

    async def hang(_: object) -> str:
        await asyncio.Event().wait()
        return ""

    old.room.own.handlers[protocol.YIELD] = hang
    assert await asyncio.wait_for(new.take_over(), 5) == Succession(in_order=False, certain=True, turns=())
    assert new.removed == ["agent_1_AJ_a"]


async def test_a_newcomer_that_dies_after_it_has_asked_leaves_the_floor_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "_ASK_GRACE_SECONDS", 0.01)
    old, new = Predecessor(turn(1)), Newcomer()
    new.room.meet(old.room)
    await new.room.own.perform_rpc(
        destination_identity="agent_1_AJ_a", method=protocol.YIELD, payload='{"generation": 2}'
    )
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(old.incumbent.wait_for_dismissal(), 0.1)
    assert old.finished == 0
    old.sentence_over.set()
    assert (await new.take_over()).in_order, "the next one asks again"


async def test_two_newcomers_get_the_same_handover() -> None:
    old, first, second = Predecessor(turn(1)), Newcomer(), Newcomer()
    first.room.meet(old.room)
    second.room.meet(old.room)
    old.sentence_over.set()
    assert await first.take_over() == await second.take_over()
    assert old.finished == 1


@pytest.mark.parametrize("identity", ["user_ann", "agent_1_AJ_z", "agent_0_AJ_z", "nobody"])
async def test_only_a_newer_generation_may_ask(identity: str) -> None:
    old = Predecessor()
    other = FakeRoom(identity)
    other.meet(old.room)
    for method in (protocol.YIELD, protocol.HAND_OVER):
        with pytest.raises(rtc.RpcError):
            await other.own.perform_rpc(destination_identity="agent_1_AJ_a", method=method, payload='{"generation": 9}')
    assert old.finished == 0


async def test_the_incumbent_leaves_when_a_newcomer_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_ASK_GRACE_SECONDS", 0.01)
    old = Predecessor()
    old.sentence_over.set()
    old.room.meet(FakeRoom("user_ann"))
    old.room.meet(FakeRoom("agent_2_AJ_b"))
    assert "did not ask" in await asyncio.wait_for(old.incumbent.wait_for_dismissal(), 5)
    assert old.finished == 1


async def test_an_agent_that_joins_after_a_newer_one_leaves_at_once() -> None:
    """It took so long to join that a successor was launched, which found no predecessor to ask."""
    room, serving = FakeRoom("agent_1_AJ_a"), FakeRoom("agent_2_AJ_b")
    room.meet(serving)
    finished = asyncio.Event()

    async def finish_speaking(_: float) -> tuple[Turn, ...]:
        finished.set()
        return ()

    late = Incumbent(room, 1, finish_speaking)
    assert "did not ask" in await asyncio.wait_for(late.wait_for_dismissal(), 5)
    assert finished.is_set()


async def test_a_newer_agent_without_an_accepted_claim_is_ignored() -> None:
    room, coming = FakeRoom("agent_1_AJ_a"), FakeRoom("agent_2_AJ_b")
    coming.attributes.clear()
    room.meet(coming)

    async def finish_speaking(_: float) -> tuple[Turn, ...]:
        raise AssertionError("not asked")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Incumbent(room, 1, finish_speaking).wait_for_dismissal(), 0.1)


async def test_a_newcomer_without_an_accepted_claim_takes_no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """In an outage of Temporal the caller has no other agent than the incumbent."""
    monkeypatch.setattr(protocol, "_ASK_GRACE_SECONDS", 0.01)
    old, new = Predecessor(), Newcomer()
    new.room.attributes.clear()
    new.room.meet(old.room)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(old.incumbent.wait_for_dismissal(), 0.1)
    new.room.attributes[ARRIVED] = "yes"
    old.sentence_over.set()
    assert "did not ask" in await asyncio.wait_for(old.incumbent.wait_for_dismissal(), 5)


async def test_a_newcomer_that_has_left_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_ASK_GRACE_SECONDS", 0.01)
    old = Predecessor()
    old.room.meet(FakeRoom("agent_2_AJ_b"))
    old.room.others.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(old.incumbent.wait_for_dismissal(), 0.1)
    assert old.finished == 0


def test_a_handover_fits_into_one_rpc_answer_and_keeps_the_latest_turns() -> None:
    turns = [turn(number, "x" * 1000) for number in range(1, 31)]
    text = pack_handover(turns)
    kept = Handover.model_validate_json(text).turns
    assert len(text.encode()) < 15_360
    assert kept == tuple(turns[-len(kept) :])
    assert len(kept) >= 10
