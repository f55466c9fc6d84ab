"""A scripted conversation, held like a person's: says a number, waits for the answer, says it again if none comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from lab.caller import Heard, Spoken
from lab.chaos.faults import Faults
from lab.chaos.numbers import numbers_in, sentence
from lab.chaos.phone import Phone
from lab.chaos.plan import SILENCES, Kind, Moment, Strike
from lab.chaos.record import Exchange, Hit

PATIENCE_SECONDS = 8.0
_ATTEMPTS = 5
_BREATH_SECONDS = 0.8
"""Silence after which a person takes the turn; longer than the agent's pauses between two sentences."""
_BACK_WITHIN_SECONDS = 30.0
_LOST_ME = ("lost you", "go on")
"""What an agent says that came too late to hear the number."""
_MISHEARD = "say that again"


class NoAnswer(Exception):
    """The caller gave up."""


class Conversation:
    """One caller's side of one call. `tell` is given a line of progress for each fault."""

    def __init__(self, phone: Phone, faults: Faults, tell: Callable[[Strike], None]) -> None:
        self._phone, self._faults, self._tell = phone, faults, tell
        self.exchanges: list[Exchange] = []
        self.heard: list[str] = []

    async def greeting(self) -> None:
        """Hear the first words. Raises `NoAnswer`."""
        try:
            heard = await self._phone.hear(_BACK_WITHIN_SECONDS)
        except TimeoutError:
            raise NoAnswer("no greeting") from None
        self.heard.append(heard.text)

    async def exchange(self, number: int, strike: Strike | None = None) -> Exchange:
        """Say `number` until it is answered, with a fault at its moment. Raises `NoAnswer`."""
        exchange = Exchange(number)
        self.exchanges.append(exchange)
        await self._phone.quiet(_BREATH_SECONDS)
        self._phone.forget_unheard()
        answer = await self._ask(exchange, strike)
        while answer is None:
            if exchange.said == _ATTEMPTS:
                raise NoAnswer(f"no answer to {exchange.number}, said {exchange.said} times")
            answer = await self._ask(exchange, None)
        exchange.answered_at, exchange.answer_ended_at = answer.first_sound_at, answer.last_sound_at
        exchange.heard = answer.text
        if strike and strike.moment is Moment.QUIET:
            await self._strike_in_quiet(exchange, strike)
        return exchange

    async def _ask(self, exchange: Exchange, strike: Strike | None) -> Heard | None:
        """Say the number once and wait for what comes; None when it must be said again."""
        await self._say(exchange, strike)
        if strike and strike.moment is Moment.PENDING:
            await asyncio.sleep(strike.offset * 0.4)
            await self._strike(exchange, strike)
        if strike and strike.moment is Moment.AGENT_SPEAKS:
            await self._strike_the_answer(exchange, strike)
        return await self._answer(exchange)

    async def _say(self, exchange: Exchange, strike: Strike | None) -> None:
        saying = asyncio.create_task(self._spoken(sentence(exchange.number)))
        if strike and strike.moment is Moment.CALLER_SPEAKS:
            await asyncio.sleep(0.3 + strike.offset * 1.4)
            await self._strike(exchange, strike)
        exchange.spoken.append(await saying)

    async def _spoken(self, text: str) -> Spoken:
        began = monotonic()
        try:
            return await self._phone.say(text)
        except ConnectionError:  # the line was cut in the middle of it
            return Spoken(text, began, monotonic())

    async def _strike_the_answer(self, exchange: Exchange, strike: Strike) -> None:
        try:
            began = await self._phone.sound(exchange.spoken[-1].last_sound_at, PATIENCE_SECONDS)
        except TimeoutError:
            began = monotonic()
        await asyncio.sleep(max(0.0, began + 0.2 + strike.offset * 0.9 - monotonic()))
        await self._strike(exchange, strike)

    async def _strike_in_quiet(self, exchange: Exchange, strike: Strike) -> None:
        await self._phone.quiet(_BREATH_SECONDS)
        hit = await self._strike(exchange, strike)
        if hit and strike.silences:
            try:
                await self._phone.sound(hit.sounds_after, _BACK_WITHIN_SECONDS, hit.victims)
            except TimeoutError:
                raise NoAnswer(f"no agent came back within {_BACK_WITHIN_SECONDS:.0f} s") from None

    async def _strike(self, exchange: Exchange, strike: Strike) -> Hit | None:
        self._tell(strike)
        try:
            exchange.hit = await self._faults.strike(strike, self._phone)
        except TimeoutError:
            exchange.hit = None  # nobody served: there was nothing to strike
        return exchange.hit

    async def _answer(self, exchange: Exchange) -> Heard | None:
        """The utterance that answers the number; None when it must be said again."""
        deadline = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                heard = await self._phone.hear(max(0.01, deadline - monotonic()))
            except TimeoutError:
                if self._agent_sounds() and monotonic() < deadline + PATIENCE_SECONDS:
                    continue  # nobody interrupts an answer
                return None
            self.heard.append(heard.text)
            if self._was_cut_off(heard, exchange.hit):
                continue
            if exchange.number in numbers_in(heard.text):
                return heard
            if _MISHEARD in heard.text.lower():
                exchange.misheard += 1
                return None
            if any(phrase in heard.text.lower() for phrase in _LOST_ME):
                return None
            exchange.unclear += 1

    def _agent_sounds(self) -> bool:
        sound = self._phone.sound_since(monotonic() - 0.5)
        return sound is not None

    def _was_cut_off(self, heard: Heard, hit: Hit | None) -> bool:
        """Whether the speaker was struck while it said this: the question is answered by the next agent."""
        if hit is None or hit.strike.kind not in SILENCES or hit.strike.moment is not Moment.AGENT_SPEAKS:
            return False
        by_a_victim = hit.strike.kind is Kind.LIVEKIT or heard.identity in hit.victims
        return by_a_victim and heard.first_sound_at <= hit.at
