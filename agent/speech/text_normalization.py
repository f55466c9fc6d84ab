"""Normalizes text for TTS: numbers, prices, dates, times and links become words. English; pure.

TTS models read "$3.50", "2025-03-01" or "example.com/menu" differently, and some spell them out; all read words alike.
livekit-agents applies `normalize_stream` to TTS input only: captions and history keep the written text.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable
from itertools import pairwise
from typing import Final

from num2words import num2words

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONTH_OF: Final = {month[:3]: month for month in _MONTHS}
_SHORT_MONTH: Final = "Sept|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MONTH: Final = "|".join(_MONTHS)
_CURRENCIES: Final = {
    "$": ("dollar", "cent"),
    "USD": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "EUR": ("euro", "cent"),
    "£": ("pound", "penny"),
    "GBP": ("pound", "penny"),
}
_UNITS: Final = {
    **{"km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "kg": "kilogram", "g": "gram"},
    **{"ml": "milliliter", "l": "liter", "GB": "gigabyte", "MB": "megabyte"},
}
_NUMBER: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_DOMAINS: Final = "com|org|net|io|dev|ai|app|co|uk|de|fr|eu|us|info|gov|edu|shop"
_END: Final = r"(?![\w]|[.,:/-]\d)"
_DOT: Final = r"(?:\.(?=[,;:?!)]|\s+(?:[a-z]|[A-Z]{2,4}\b)))?"
"""An abbreviation's dot that does not end the sentence: lower case or a time zone follows."""
_MAX_CARDINAL_DIGITS: Final = 15
"""Longer numbers are read digit by digit."""
_MAX_MATCH_TOKENS: Final = 4

_DAY: Final = r"0?[1-9]|[12]\d|3[01]"
_PATTERN: Final = re.compile(
    rf"""(?<![\w.,:/@-])(?:
      (?P<email>[A-Za-z0-9][\w.+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{{2,}})
    | (?P<link>(?:https?://)(?:[^\s<>"]*[\w/])|(?:www\.)?(?:[A-Za-z0-9-]+\.)+(?:{_DOMAINS})(?:/[\w./%~-]*[\w/])?)(?!\w)
    | (?=[A-Z])(?P<month>{_MONTH}|(?:{_SHORT_MONTH})\.?)\s
        (?P<day>{_DAY})(?:st|nd|rd|th)?(?:,?\s(?P<year>\d{{4}}))?{_END}
    | (?=[-+(\d$€£'\u2019])(?:  # for speed: most words end here
      (?P<iso>\d{{4}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])){_END}
    | (?P<slashed>(?:(?:0?[1-9]|1[0-2])/(?:{_DAY})|(?:1[3-9]|2\d|3[01])/(?:0?[1-9]|1[0-2]))/(?:\d{{4}}|\d\d)){_END}
    | (?P<day2>{_DAY})(?:st|nd|rd|th)?\s(?:of\s)?
        (?P<month2>{_MONTH}|(?:{_SHORT_MONTH})(?:\.(?=,?\s\d{{4}})|{_DOT}))(?:,?\s(?P<year2>\d{{4}}))?{_END}
    | (?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?:\s?(?P<half>[AaPp])(?:[Mm]\b|\.[Mm]\b{_DOT}))?{_END}
    | (?P<hour2>0?[1-9]|1[0-2])\s?(?P<half2>[AaPp])(?:[Mm]\b|\.[Mm]\b{_DOT}){_END}
    | (?P<phone>(?:\+?\d{{1,3}}[\ -]?)?\(\d{{3}}\)\s?\d{{3}}[-.\ ]\d{{4}}|1-\d{{3}}-\d{{3}}-\d{{4}}
        |\+\d{{1,3}}(?:[\ -]?\d{{2,5}}){{1,3}}|\d{{3}}-\d{{3,4}}(?:-\d{{4}})?){_END}
    | (?P<sign>[$€£])\s?(?P<amount>{_NUMBER})(?:\s(?P<scale>thousand|million|billion|trillion)\b)?{_END}
    | (?P<amount2>{_NUMBER})\s?(?P<sign2>€|£|USD|EUR|GBP){_END}
    | (?P<percent>-?(?:{_NUMBER}))\s?%
    | (?P<degrees>-?(?:{_NUMBER}))\s?°(?P<scale2>[CF]\b)?
    | (?P<measure>{_NUMBER})\s?(?P<unit>km/h|mph|{"|".join(_UNITS)})\b
    | (?P<from>\d+)[-\u2013](?P<to>\d+){_END}
    | (?P<ordinal>\d{{1,15}})(?:st|nd|rd|th)\b
    | (?P<decade>(?:1[1-9]|20)\d0|['\u2019]\d0)['\u2019]?s{_END}
    | (?P<dotted>\d+(?:\.\d+){{2,}}){_END}
    | (?P<calendar>1[1-9]\d\d|20\d\d){_END}
    | (?P<number>-?(?:{_NUMBER})){_END}
    ))""",
    re.VERBOSE,
)
_MATCH_START: Final = re.compile(rf"[\d$€£]|^\W*(?:{_MONTH}|{_SHORT_MONTH})\b")
"""A token with which a match of several tokens can begin or continue."""


def normalize_text(text: str) -> str:
    """Replace numbers, signs and links in `text` by words; leave the rest unchanged."""
    return _PATTERN.sub(_in_words, text)


async def normalize_stream(text: AsyncIterable[str]) -> AsyncIterator[str]:
    """Normalize streamed text. The result does not depend on the chunks; each word is yielded once it is stable."""
    pending = ""
    async for piece in text:
        pending += piece
        if (stable := _stable_length(pending)) > 0:
            yield _normalize_prefix(stable, pending)
            pending = pending[stable:]
    if pending:
        yield normalize_text(pending)


def _normalize_prefix(end: int, text: str) -> str:
    """Normalize `text[:end]`, with the text after it as context."""
    said, at = "", 0
    for match in _PATTERN.finditer(text):
        if match.end() > end:
            break
        said += text[at : match.start()] + _in_words(match)
        at = match.end()
    return said + text[at:end]


def _stable_length(text: str) -> int:
    """Return the length of the prefix whose normalization no further text can change."""
    tokens = [match.start() for match in re.finditer(r"\S+\s*", text)]
    if not tokens:
        return 0
    cut = tokens[-1]  # it may still grow
    last_tokens = tokens[-_MAX_MATCH_TOKENS:]
    for begin, end in pairwise(last_tokens):
        if _MATCH_START.search(text[begin:end]):
            cut = begin
            break
    for match in _PATTERN.finditer(text):
        if match.start() < cut < match.end():
            return match.start()
    return cut


def _in_words(match: re.Match[str]) -> str:
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    say = _RENDERERS[next(name for name in found if name in _RENDERERS)]
    return say(found)


def _cardinal(digits: str) -> str:
    sign, digits = ("minus ", digits[1:]) if digits.startswith("-") else ("", digits)
    digits = digits.replace(",", "")
    whole, _, fraction = digits.partition(".")
    if len(whole) > _MAX_CARDINAL_DIGITS or (len(whole) > 1 and whole.startswith("0")):
        said = _one_by_one(whole)
    else:
        said = str(num2words(int(whole))).replace(",", "")
    return sign + said + (f" point {_one_by_one(fraction)}" if fraction else "")


def _one_by_one(digits: str) -> str:
    return " ".join(str(num2words(int(digit))) for digit in digits)


def _ordinal(digits: str) -> str:
    return str(num2words(int(digits), to="ordinal")).replace(",", "")


def _year(digits: str) -> str:
    return str(num2words(int(digits), to="year"))


def _date(month: str, day: str, year: str | None) -> str:
    return f"{_MONTH_OF[month[:3]]} {_ordinal(day)}" + (f", {_year(year)}" if year else "")


def _slashed(date: str) -> str:
    """Read a slashed date month first, or day first where the first number is no month."""
    month, day, year = date.split("/")
    if int(month) > 12:
        month, day = day, month
    return _date(_MONTHS[int(month) - 1], day, year if len(year) == 4 else f"20{year}")


def _decade(first_year: str) -> str:
    said = _year(first_year) if first_year.isdigit() else _cardinal(first_year[1:])
    return f"{said.removesuffix('y')}ies" if said.endswith("y") else f"{said}s"


def _time(hour: str, minute: str, half: str | None) -> str:
    at = int(hour)
    if half is None and (at > 12 or at == 0):
        half = "a" if at == 0 else "p"
    suffix = f" {half.upper()}M" if half else ""
    said = _cardinal(str(at % 12 or 12))
    if minute == "00":
        return said + (suffix or " o'clock")
    return f"{said} {'oh ' if minute[0] == '0' else ''}{_cardinal(str(int(minute)))}{suffix}"


def _money(amount: str, sign: str, scale: str | None) -> str:
    one, cent = _CURRENCIES[sign]
    amount = amount.replace(",", "")
    whole, _, fraction = amount.partition(".")
    if scale or len(fraction) > 2:
        return f"{_cardinal(amount)}{' ' + scale if scale else ''} {one}s"
    cents = int(fraction.ljust(2, "0")) if fraction else 0
    parts = [] if cents and not int(whole) else [f"{_cardinal(whole)} {one}{'' if int(whole) == 1 else 's'}"]
    if cents:
        plural = "pence" if cent == "penny" else "cents"
        parts.append(f"{_cardinal(str(cents))} {cent if cents == 1 else plural}")
    return " and ".join(parts)


def _measure(amount: str, unit: str) -> str:
    if unit in ("km/h", "mph"):
        return f"{_cardinal(amount)} {'kilometers' if unit == 'km/h' else 'miles'} an hour"
    return f"{_cardinal(amount)} {_UNITS[unit]}{'' if amount == '1' else 's'}"


def _degrees(amount: str, scale: str | None) -> str:
    name = {"C": " Celsius", "F": " Fahrenheit"}.get(scale or "", "")
    return f"{_cardinal(amount)} degree{'' if amount in ('1', '-1') else 's'}{name}"


def _link(address: str) -> str:
    """Read an address without scheme, `www.` and query."""
    address = re.sub(r"^https?://", "", address).removeprefix("www.").partition("?")[0].rstrip("/")
    for sign, word in ((".", "dot"), ("/", "slash"), ("@", "at"), ("-", "dash"), ("_", "underscore"), ("+", "plus")):
        address = address.replace(sign, f" {word} ")
    return " ".join(address.split())


def _phone(number: str) -> str:
    plus = "plus " if number.startswith("+") else ""
    return plus + ", ".join(_one_by_one(group) for group in re.findall(r"\d+", number))


_RENDERERS: Final[dict[str, Callable[[dict[str, str]], str]]] = {
    "email": lambda found: _link(found["email"]),
    "link": lambda found: _link(found["link"]),
    "iso": lambda found: _date(_MONTHS[int(found["iso"][5:7]) - 1], found["iso"][8:], found["iso"][:4]),
    "slashed": lambda found: _slashed(found["slashed"]),
    "month": lambda found: _date(found["month"], found["day"], found.get("year")),
    "month2": lambda found: _date(found["month2"], found["day2"], found.get("year2")),
    "hour": lambda found: _time(found["hour"], found["minute"], found.get("half")),
    "hour2": lambda found: _time(found["hour2"], "00", found["half2"]),
    "phone": lambda found: _phone(found["phone"]),
    "sign": lambda found: _money(found["amount"], found["sign"], found.get("scale")),
    "sign2": lambda found: _money(found["amount2"], found["sign2"], None),
    "percent": lambda found: f"{_cardinal(found['percent'])} percent",
    "degrees": lambda found: _degrees(found["degrees"], found.get("scale2")),
    "unit": lambda found: _measure(found["measure"], found["unit"]),
    "to": lambda found: f"{_cardinal(found['from'])} to {_cardinal(found['to'])}",
    "ordinal": lambda found: _ordinal(found["ordinal"]),
    "decade": lambda found: _decade(found["decade"]),
    "dotted": lambda found: " point ".join(_cardinal(part) for part in found["dotted"].split(".")),
    "calendar": lambda found: _year(found["calendar"]),
    "number": lambda found: _cardinal(found["number"]),
}
