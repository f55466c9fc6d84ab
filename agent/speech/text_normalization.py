"""Normalizes text for TTS: numbers, prices, dates, times and links become words; reasoning and markup go. English.

TTS models read "$3.50", "2025-03-01" or "example.com/menu" differently, and some spell them out; all read words alike.
livekit-agents applies `normalize_stream` to TTS input only: captions and history keep the written text.

num2words and these patterns, not nemo_text_processing or wetext: those bring pynini or OpenFst with compiled grammars
into every job process, and take whole sentences where this takes a stream of chunks.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Callable
from itertools import pairwise
from typing import Final

from agent.speech import spoken_numbers as say
from agent.speech.markup import MarkupFilter
from agent.speech.reasoning import ReasoningFilter
from agent.speech.spoken_quantities import QUANTITY, SIGN, quantity

logger = logging.getLogger("agent.speech.text_normalization")

_SHORT_MONTH: Final = "Sept|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MONTH: Final = "|".join(say.MONTHS)
_DOMAINS: Final = "com|org|net|io|dev|ai|app|co|uk|de|fr|eu|us|info|gov|edu|shop"
_END: Final = r"(?!\w|[.,:/-]\d)"
_DOT: Final = r"(?:\.(?=[,;:?!)]|\s+(?:[a-z]|[A-Z]{2,4}\b)))?"
"""An abbreviation's dot that does not end the sentence: lower case or a time zone follows."""
_FRACTIONS: Final = {
    **{"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"},
    **{"½": "one half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters"},
    "24/7": "twenty-four seven",
}
_SYMBOLS: Final = {
    "&": "and",
    "=": "equals",
    "+": "plus",
    "\u00d7": "times",
    "÷": "divided by",
    "<": "less than",
    ">": "greater than",
}
_HALF: Final = rf"(?:[Mm]\b|\.[Mm]\b{_DOT})"
_DAY: Final = r"0?[1-9]|[12]\d|3[01]"
_PATTERN: Final = re.compile(
    rf"""(?<![\w.,:/@-])(?:
      (?P<email>[A-Za-z0-9][\w.+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{{2,}})
    | (?P<link>(?:https?://)(?:[^\s<>"]*[\w/])|(?:www\.)?(?:[A-Za-z0-9-]+\.)+(?:{_DOMAINS})(?:/[\w./%~-]*[\w/])?)(?!\w)
    | (?=[A-Z])(?P<month>{_MONTH}|(?:{_SHORT_MONTH})\.?)\s
        (?P<day>{_DAY})(?:st|nd|rd|th)?(?:[-\u2013](?P<last>{_DAY})(?:st|nd|rd|th)?)?(?:,?\s(?P<year>\d{{4}}))?{_END}
    | v(?P<version>\d+(?:\.\d+)+){_END}
    | (?<!\S)(?P<symbol_word>[&=+\u00d7÷<>])(?!\S)
    | (?=[(\d$€£¥₹'\u2019.½⅓⅔¼¾UEGCJIA]|{SIGN})(?:  # for speed: most words end here
      (?P<iso>\d{{4}}(?P<bar>[-/])(?:0[1-9]|1[0-2])(?P=bar)(?:0[1-9]|[12]\d|3[01]))
        (?:[T\ ](?P<iso_hour>[01]\d|2[0-3]):(?P<iso_minute>[0-5]\d)(?::\d\d(?:\.\d+)?)?Z?)?{_END}
    | (?P<slashed>(?:(?:0?[1-9]|1[0-2])/(?:{_DAY})|(?:1[3-9]|2\d|3[01])/(?:0?[1-9]|1[0-2]))/(?:\d{{4}}|\d\d)
        |(?:{_DAY})\.(?:0?[1-9]|1[0-2])\.(?:19|20)\d\d){_END}
    | (?P<day2>{_DAY})(?:st|nd|rd|th)?(?:[-\u2013](?P<last2>{_DAY})(?:st|nd|rd|th)?)?\s(?:of\s)?
        (?P<month2>{_MONTH}|(?:{_SHORT_MONTH})(?:\.(?=,?\s\d{{4}})|{_DOT}))(?:,?\s(?P<year2>\d{{4}}))?{_END}
    | (?:(?P<hour0>[01]?\d|2[0-3])(?::(?P<minute0>[0-5]\d))?(?:\s?(?P<half0>[AaPp]){_HALF})?(?:\s?[-\u2013]\s?))?
      (?:(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second_of>[0-5]\d))?(?:\s?(?P<half>[AaPp]){_HALF})?
        |(?P<hour2>0?[1-9]|1[0-2])(?:\.(?P<minute2>[0-5]\d))?\s?(?P<half2>[AaPp]){_HALF}){_END}
    | (?P<phone>(?:\+?\d{{1,3}}[\ -]?)?\(\d{{3}}\)\s?\d{{3}}[-.\ ]\d{{4}}
        |1[-.\ ]\d{{3}}[-.\ ]\d{{3}}[-.\ ]\d{{4}}|1-\d{{3}}(?:-[A-Z0-9]*[A-Z][A-Z0-9]*)+
        |\d{{3}}(?P<gap>[-.\ ])\d{{3}}(?P=gap)\d{{4}}|\(?0\d{{2,4}}\)?[\ -]\d{{3,4}}[\ -]?\d{{3,4}}
        |\+\d{{1,3}}(?:\ ?\(0\))?(?:[\ .-]?\d{{2,5}}){{1,4}}|\d(?:-\d){{2,}}
        |\d{{4}}(?P<gap2>[\ -])\d{{4}}(?P=gap2)\d{{4}}(?:(?P=gap2)\d{{1,4}}){{1,2}}
        |3[47]\d\d(?P<gap3>[\ -])\d{{6}}(?P=gap3)\d{{5}}|\d{{3}}-\d\d-\d{{4}}
        |(?!\d\d0-\d\d00)\d{{3}}-\d{{4}}|\d{{3}}\ \d{{4}}|\d{{3}}(?:\ \d{{3}}){{1,2}}(?<!\ 000)(?!\ \d)){_END}
    | (?P<ip>(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){{3}}(?:25[0-5]|2[0-4]\d|1?\d?\d)){_END}
    | (?P<ratio>\d{{1,3}}:\d){_END}
    | (?P<fraction>(?:(?P<whole>\d{{1,3}})\ ?)?(?:(?P<vulgar>[½⅓⅔¼¾])|(?P<simple>(?:1/[234]|2/3|3/4)(?![\w/]|[.,:-]\d)))
        |24/7{_END})
    | (?P<decade>(?:1[1-9]|20)\d0|['\u2019]\d0)['\u2019]?s{_END}
    | {QUANTITY}{_END}
    | (?P<ordinal>\d{{1,15}})(?:st|nd|rd|th)\b
    | (?P<dotted>\d+(?:\.\d+){{2,}}){_END}
    ))""",
    re.VERBOSE,
)
_MATERIAL: Final = re.compile(
    rf"[\d$€£¥₹½⅓⅔¼¾]|^\W*(?:{_MONTH}|{_SHORT_MONTH})\b|^(?:of|thousand|million|billion|trillion|USD|EUR|GBP|JPY|INR|CHF"
    rf"|CAD|AUD|[AaPp]\.?[Mm]\b.*|[-\u2013\u2014%°]\S*|{SIGN})[.,;:?!)]*\s*$"
)
"""A token with which a match of several tokens can begin or continue."""
_HAS_MONTH: Final = re.compile(rf"^\W*(?:{_MONTH}|{_SHORT_MONTH})\b")
_BREAK: Final = re.compile(r"[,;!?]\s+$")


def normalize_text(text: str) -> str:
    """Replace numbers, signs and links in `text` by words, and drop reasoning and markup; leave the rest unchanged."""
    cleaner = _Cleaner()
    return _in_words(cleaner.feed(text) + cleaner.flush())


async def normalize_stream(text: AsyncIterable[str]) -> AsyncIterator[str]:
    """Normalize streamed text. The result does not depend on the chunks; each word is yielded once it is stable.

    Where that fails the text is said as it is written: livekit-agents would end the reply without a sound or an error.
    """
    normalizer = _Normalizer()
    async for piece in text:
        if said := normalizer.feed(piece):
            yield said
    if said := normalizer.flush():
        yield said


class _Normalizer:
    """Normalizes one text that comes in chunks."""

    def __init__(self) -> None:
        self._cleaner = _Cleaner()
        self._pending = ""
        self._has_failed = False

    def feed(self, piece: str) -> str:
        """Add a chunk. Returns what is stable."""
        if self._has_failed:
            return piece
        try:
            self._pending = unicodedata.normalize("NFC", self._pending + self._cleaner.feed(piece))
            return self._stable()
        except Exception as error:  # whatever it is, silence is worse
            return self._as_written(error) + self._cleaner.flush()

    def flush(self) -> str:
        """Return the rest."""
        if self._has_failed:
            return ""
        try:
            self._pending += self._cleaner.flush()
            return _in_words(self._pending)
        except Exception as error:
            return self._as_written(error)

    def _stable(self) -> str:
        if (stable := _stable_length(self._pending)) <= 0:
            return ""
        said = _normalize_prefix(stable, self._pending)
        self._pending = self._pending[stable:]
        return said

    def _as_written(self, error: Exception) -> str:
        # Its type only: a traceback can quote the text.
        logger.error("text could not be normalized, and is said as it is written: %s", type(error).__name__)
        self._has_failed = True
        return self._pending


class _Cleaner:
    """Drops reasoning first: it can hold markup."""

    def __init__(self) -> None:
        self._reasoning = ReasoningFilter()
        self._markup = MarkupFilter()
        self._escaped_markup = MarkupFilter()

    def feed(self, piece: str) -> str:
        return self._escaped_markup.feed(self._markup.feed(self._reasoning.feed(piece)))

    def flush(self) -> str:
        rest = self._markup.feed(self._reasoning.flush()) + self._markup.flush()
        return self._escaped_markup.feed(rest) + self._escaped_markup.flush()


def _in_words(text: str) -> str:
    return _PATTERN.sub(_words_of, unicodedata.normalize("NFC", text))


def _normalize_prefix(end: int, text: str) -> str:
    """Normalize `text[:end]`, with the text after it as context."""
    said, at = "", 0
    for match in _PATTERN.finditer(text):
        if match.end() > end:
            break
        said += text[at : match.start()] + _words_of(match)
        at = match.end()
    return said + text[at:end]


def _stable_length(text: str) -> int:
    """Return the length of the prefix whose normalization no further text can change."""
    starts = [match.start() for match in re.finditer(r"\S+\s*", text)]
    if not starts:
        return 0
    cut = starts[-1]  # it may still grow
    tokens = [text[begin:end] for begin, end in pairwise(starts)]
    for index in range(len(tokens) - 1, -1, -1):
        if not _MATERIAL.search(tokens[index]) or _ends_a_match(tokens, index):
            break
        cut = starts[index]
    for match in _PATTERN.finditer(text):
        if match.start() < cut < match.end():
            return match.start()
    return cut


def _ends_a_match(tokens: list[str], index: int) -> bool:
    """True if no match goes on after this token: only the comma in a date is within one."""
    if not _BREAK.search(tokens[index]):
        return False
    return not any(_HAS_MONTH.search(token) for token in tokens[max(0, index - 2) : index + 1])


def _words_of(match: re.Match[str]) -> str:
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    render = _RENDERERS[next(name for name in found if name in _RENDERERS)]
    return render(found)


def _iso(found: dict[str, str]) -> str:
    said = say.numeric_date(found["iso"])
    if "iso_hour" not in found:
        return said
    half = "a" if int(found["iso_hour"]) < 12 else "p"
    return f"{said} at {say.time(found['iso_hour'], found['iso_minute'], half)}"


def _time(found: dict[str, str]) -> str:
    hour, minute = found.get("hour") or found["hour2"], found.get("minute") or found.get("minute2", "00")
    half = found.get("half") or found.get("half2")
    said = say.time(hour, minute, half)
    if seconds := int(found.get("second_of", "0")):
        said += f" and {say.cardinal(str(seconds))} second{'' if seconds == 1 else 's'}"
    if "hour0" not in found:
        return said
    # In "9-11 am" the half of the day is said once.
    is_alone = "minute0" in found and half is None
    return f"{say.time(found['hour0'], found.get('minute0', '00'), found.get('half0'), is_alone=is_alone)} to {said}"


def _fraction(found: dict[str, str]) -> str:
    said = _FRACTIONS[found.get("vulgar") or found.get("simple") or found["fraction"]]
    return f"{say.cardinal(found['whole'])} and {said.replace('one half', 'a half')}" if "whole" in found else said


_RENDERERS: Final[dict[str, Callable[[dict[str, str]], str]]] = {
    "email": lambda found: say.address(found["email"]),
    "link": lambda found: say.address(found["link"]),
    "iso": _iso,
    "slashed": lambda found: say.numeric_date(found["slashed"]),
    "month": lambda found: say.date(found["month"], found["day"], found.get("year"), last_day=found.get("last")),
    "month2": lambda found: say.date(found["month2"], found["day2"], found.get("year2"), last_day=found.get("last2")),
    "version": lambda found: "version " + " point ".join(map(say.cardinal, found["version"].split("."))),
    "symbol_word": lambda found: _SYMBOLS[found["symbol_word"]],
    "hour": _time,
    "hour2": _time,
    "phone": lambda found: say.in_groups(found["phone"]),
    "ip": lambda found: " dot ".join(map(say.one_by_one, found["ip"].split("."))),
    "ratio": lambda found: " to ".join(map(say.cardinal, found["ratio"].split(":"))),
    "fraction": _fraction,
    "money": quantity,
    "from": quantity,
    "ordinal": lambda found: say.ordinal(found["ordinal"]),
    "decade": lambda found: say.decade(found["decade"]),
    "dotted": lambda found: " point ".join(map(say.cardinal, found["dotted"].split("."))),
}
