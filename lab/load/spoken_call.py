"""One caller of a load test: starts a session, hears the greeting, asks questions, ends."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

import httpx

from lab.caller import Caller
from lab.rest_client import Started

QUESTIONS = (
    "What is the capital of France?",
    "How many legs does a spider have?",
    "What is the opposite of hot?",
    "What do bees make?",
)
_PAUSE_SECONDS = 0.6
"""The agent is silent for this long before the caller asks: longer than a pause between its sentences."""
_FIRST_SOUND_SECONDS = 20.0
_REPLY_SECONDS = 10.0
_REST_SECONDS = 60.0
_BILL_SECONDS = 2.0
"""A bill is in whole seconds, and begins and ends with reports that take their time."""


class Line(Protocol):
    """How a caller reaches an agent, and hangs up."""

    async def start(self) -> Started:
        """Ask for an agent; returns the caller's join token. A refusal raises `httpx.HTTPStatusError`."""

    async def end(self, session_id: str) -> None:
        """End the call."""


@dataclass(frozen=True)
class Script:
    """A caller asks `questions` questions, or for `seconds`. One whose patience ends hangs up, unless `stays`."""

    questions: int
    seconds: float = 0
    stays: bool = False

    @property
    def longest(self) -> float:
        """Seconds after which the call is given up, whatever it waits for."""
        return _REST_SECONDS + self.seconds + self.questions * 3 * _REPLY_SECONDS


@dataclass
class SpokenCall:
    """What one caller met. `arrived_at` and `over_at` count from the beginning of the step, the rest are durations."""

    arrived_at: float
    session_id: str = ""
    answered_after: float | None = None
    """Seconds from the POST to its answer, also to a refusal."""
    was_refused: bool = False
    retry_after: str = ""
    """Of the refusal."""
    first_sound: float | None = None
    """Seconds from the POST."""
    asked: int = 0
    replies: list[float] = field(default_factory=list)
    """Seconds from the end of each answered question to the first sound of its answer."""
    talked: float = 0
    """Seconds from the first sound to the end."""
    joined: float = 0
    """Seconds from the join to the answer of the end: no bill may be longer."""
    error: str = ""
    over_at: float = 0
    generations: int | None = None
    billed: int | None = None

    def note_refusal(self, error: httpx.HTTPStatusError) -> None:
        """The start was answered with an error: a refusal if that says when to come back."""
        self.retry_after = error.response.headers.get("Retry-After", "")
        self.was_refused = error.response.status_code == httpx.codes.SERVICE_UNAVAILABLE and bool(self.retry_after)
        if not self.was_refused:
            self.error = str(error)

    @property
    def is_billed_unheard(self) -> bool:
        """True if the caller heard nothing, and is billed nevertheless."""
        return self.first_sound is None and (self.billed or 0) > _BILL_SECONDS

    @property
    def wrong_bill(self) -> str | None:
        """Why the bill is wrong; None if it is right, or if there is nothing to bill."""
        if not self.session_id:
            return None
        if self.billed is None:
            return f"{self.session_id} has no bill"
        if self.talked - _BILL_SECONDS <= self.billed <= self.joined + _BILL_SECONDS:
            return None
        return f"{self.session_id} is billed {self.billed} s, after {self.talked:.1f} s of {self.joined:.1f} s"


async def hold(line: Line, script: Script, began: float) -> SpokenCall:
    """Hold one call of a step that `began`. Every failure is a result of the test: none is raised."""
    call = SpokenCall(monotonic() - began)
    # A caller who is refused or never heard would have asked these, and misses their answers.
    call.asked = script.questions
    try:
        async with asyncio.timeout(script.longest):
            await _hold(line, script, call)
    except httpx.HTTPStatusError as error:
        call.note_refusal(error)
    except Exception as error:
        call.error = call.error or f"{type(error).__name__} {error}".strip()
    call.over_at = monotonic() - began
    return call


async def _hold(line: Line, script: Script, call: SpokenCall) -> None:
    posted_at = monotonic()
    try:
        started = await line.start()
    finally:
        call.answered_after = monotonic() - posted_at
    call.session_id = started.session_id
    joined_at: float | None = None
    try:
        async with Caller(started.server_url, started.token) as caller:
            joined_at = caller.joined_at
            try:
                heard_at = await caller.sound(after=0, within=_FIRST_SOUND_SECONDS)
            except TimeoutError:
                call.error = "no first sound"
                return
            call.first_sound = heard_at - posted_at
            try:
                await _talk(caller, script, call)
            finally:
                call.talked = monotonic() - heard_at
    finally:
        try:
            await line.end(started.session_id)
        except httpx.HTTPStatusError as error:  # not a refusal of the start
            raise ConnectionError(f"not ended: {error}") from error
        finally:
            call.joined = monotonic() - joined_at if joined_at is not None else 0


async def _talk(caller: Caller, script: Script, call: SpokenCall) -> None:
    until = monotonic() + script.seconds
    for number in itertools.count():
        if number >= script.questions and monotonic() >= until:
            return
        call.asked = max(call.asked, number + 1)
        try:
            await caller.silence(_PAUSE_SECONDS, within=_REPLY_SECONDS)
            spoken = await caller.say(QUESTIONS[number % len(QUESTIONS)])
            replied_at = await caller.sound(after=spoken.last_sound_at, within=_REPLY_SECONDS)
        except TimeoutError:
            call.error = "a question was not answered"
            if not script.stays:
                return
        else:
            call.replies.append(replied_at - spoken.last_sound_at)
