"""The caller's side of a call: says a number, waits for the answer, and repeats the number if none comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from lab.caller import Heard, Spoken
from lab.chaos.call_plan import SILENCING, Fault, FaultKind, Moment
from lab.chaos.call_record import Exchange, Injection
from lab.chaos.faults import FaultInjector
from lab.chaos.numbers import numbers_in, sentence
from lab.chaos.phone import Phone

PATIENCE_SECONDS = 8.0
_ATTEMPTS = 5
_BREATH_SECONDS = 0.8
"""Silence before the caller takes the turn; longer than the agent's pauses between two sentences."""
_BACK_WITHIN_SECONDS = 30.0
_JOINED_LATE = ("lost you", "go on")
"""Phrases of an agent that joined too late to hear the number."""
_MISHEARD = "say that again"


class NoAnswerError(Exception):
    """The caller gave up waiting for an answer."""


class ScriptedDialogue:
    """Says numbers over `phone`; `on_fault` is called before each fault."""

    def __init__(self, phone: Phone, injector: FaultInjector, on_fault: Callable[[Fault], None]) -> None:
        self._phone, self._injector, self._on_fault = phone, injector, on_fault
        self.exchanges: list[Exchange] = []
        self.heard: list[str] = []

    async def greeting(self) -> None:
        """Hear the opening line. Raises `NoAnswerError`."""
        try:
            heard = await self._phone.hear(_BACK_WITHIN_SECONDS)
        except TimeoutError:
            raise NoAnswerError("no greeting") from None
        self.heard.append(heard.text)

    async def exchange(self, number: int, fault: Fault | None = None) -> Exchange:
        """Say `number` until it is answered, with a fault at its moment. Raises `NoAnswerError`."""
        exchange = Exchange(number)
        self.exchanges.append(exchange)
        await self._phone.quiet(_BREATH_SECONDS)
        self._phone.forget_unheard()
        answer = await self._ask(exchange, fault)
        while answer is None:
            if exchange.said == _ATTEMPTS:
                raise NoAnswerError(f"no answer to {exchange.number}, said {exchange.said} times")
            answer = await self._ask(exchange, None)
        exchange.answered_at, exchange.answer_ended_at = answer.first_sound_at, answer.last_sound_at
        exchange.heard = answer.text
        if fault and fault.moment is Moment.QUIET:
            await self._inject_in_quiet(exchange, fault)
        return exchange

    async def _ask(self, exchange: Exchange, fault: Fault | None) -> Heard | None:
        """Say the number once and wait for its answer; None if it must be repeated."""
        await self._say(exchange, fault)
        if fault and fault.moment is Moment.PENDING:
            await asyncio.sleep(fault.offset * 0.4)
            await self._inject(exchange, fault)
        if fault and fault.moment is Moment.AGENT_SPEAKS:
            await self._inject_into_answer(exchange, fault)
        return await self._answer(exchange)

    async def _say(self, exchange: Exchange, fault: Fault | None) -> None:
        saying = asyncio.create_task(self._spoken(sentence(exchange.number)))
        if fault and fault.moment is Moment.CALLER_SPEAKS:
            await asyncio.sleep(0.3 + fault.offset * 1.4)
            await self._inject(exchange, fault)
        exchange.spoken.append(await saying)

    async def _spoken(self, text: str) -> Spoken:
        began = monotonic()
        try:
            return await self._phone.say(text)
        except ConnectionError:  # the line was cut in the middle of it
            return Spoken(text, began, monotonic())

    async def _inject_into_answer(self, exchange: Exchange, fault: Fault) -> None:
        try:
            began = await self._phone.sound(exchange.spoken[-1].last_sound_at, PATIENCE_SECONDS)
        except TimeoutError:
            began = monotonic()
        await asyncio.sleep(max(0.0, began + 0.2 + fault.offset * 0.9 - monotonic()))
        await self._inject(exchange, fault)

    async def _inject_in_quiet(self, exchange: Exchange, fault: Fault) -> None:
        await self._phone.quiet(_BREATH_SECONDS)
        injection = await self._inject(exchange, fault)
        if injection and fault.silences_agent:
            try:
                await self._phone.sound(injection.sounds_after, _BACK_WITHIN_SECONDS, injection.victims)
            except TimeoutError:
                raise NoAnswerError(f"no agent came back within {_BACK_WITHIN_SECONDS:.0f} s") from None

    async def _inject(self, exchange: Exchange, fault: Fault) -> Injection | None:
        self._on_fault(fault)
        try:
            exchange.injection = await self._injector.inject(fault, self._phone)
        except TimeoutError:
            exchange.injection = None  # no agent served the call
        return exchange.injection

    async def _answer(self, exchange: Exchange) -> Heard | None:
        """Wait for the utterance that answers the number; None if the number must be repeated."""
        deadline = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                heard = await self._phone.hear(max(0.01, deadline - monotonic()))
            except TimeoutError:
                if self._agent_sounds() and monotonic() < deadline + PATIENCE_SECONDS:
                    continue  # let it finish
                return None
            self.heard.append(heard.text)
            if self._was_cut_off(heard, exchange.injection):
                continue
            if exchange.number in numbers_in(heard.text):
                return heard
            if _MISHEARD in heard.text.lower():
                exchange.misheard += 1
                return None
            if any(phrase in heard.text.lower() for phrase in _JOINED_LATE):
                return None
            exchange.unclear += 1

    def _agent_sounds(self) -> bool:
        return self._phone.sound_since(monotonic() - 0.5) is not None

    def _was_cut_off(self, heard: Heard, injection: Injection | None) -> bool:
        """True if a fault took this speaker away meanwhile: the next agent answers the question."""
        if (
            injection is None
            or injection.fault.kind not in SILENCING
            or injection.fault.moment is not Moment.AGENT_SPEAKS
        ):
            return False
        by_a_victim = injection.fault.kind is FaultKind.LIVEKIT or heard.identity in injection.victims
        return by_a_victim and heard.first_sound_at <= injection.at
