"""Reads quantities: a sign, a currency, a number or a range of two, a scale such as "bn", and a unit. Pure."""

from __future__ import annotations

import re
from typing import Final

from agent.speech.spoken_numbers import CURRENCIES, cardinal, money, plain, ungrouped, year

_UNITS: Final = {
    **{"km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "mi": "mile", "yd": "yard"},
    **{"kg": "kilogram", "g": "gram", "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce"},
    **{"ml": "milliliter", "cl": "centiliter", "l": "liter", "L": "liter", "m²": "square meter", "m³": "cubic meter"},
    **{"km²": "square kilometer", "m2": "square meter", "m3": "cubic meter", "km2": "square kilometer"},
    **{"TB": "terabyte", "GB": "gigabyte", "MB": "megabyte", "kB": "kilobyte", "KB": "kilobyte"},
    **{"Mbps": "megabit per second", "Mbit/s": "megabit per second", "Gbps": "gigabit per second"},
    **{"km/h": "kilometer an hour", "kph": "kilometer an hour", "mph": "mile an hour", "m/s": "meter per second"},
    **{"h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "sec": "second", "secs": "second"},
    **{"ms": "millisecond", "s": "second", "W": "watt", "kW": "kilowatt", "kWh": "kilowatt hour", "V": "volt"},
    **{"mAh": "milliamp hour", "ft": "foot", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz"},
    **{"px": "pixel", "kcal": "kilocalorie", "dB": "decibel", "¢": "cent"},
}
_SCALES: Final = {
    **{"k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "b": "billion"},
    **{"B": "billion", "bn": "billion", "t": "trillion", "T": "trillion", "tn": "trillion"},
}
_SIGNS: Final = {
    **{"-": "minus ", "\u2212": "minus ", "\u2013": "minus ", "+": "plus ", "±": "plus or minus ", "~": "about "},
    **{
        "≈": "about ",
        "<": "less than ",
        ">": "more than ",
        "≤": "at most ",
        "≥": "at least ",
        "#": "number ",
        "№": "number ",
    },
}
SIGN: Final = "[-" + "".join(_SIGNS).replace("-", "") + "]"

_CODES: Final = "|".join(code for code in CURRENCIES if code.isalpha())
_SYMBOLS: Final = r"US\$|[AC]\$|[$€£¥₹]"
_THIN: Final = "\u00a0\u2007\u2009\u202f"
_NUMBER: Final = (
    rf"(?:[1-9]\d{{0,2}}(?:[{_THIN}]\d{{3}})+(?![{_THIN} ]?\d)(?:[.,]\d{{1,2}}\b)?"
    # A plain space separates thousands and the groups of codes alike: "123 456" is a code.
    r"|(?:[1-9]\d?(?:\ \d{3})+|[1-9]\d\d(?:\ \d{3}){3,}|[1-9]\d\d(?:\ \d{3})*\ 000)(?!\ ?\d)(?:[.,]\d{1,2}\b)?"
    r"|\d{1,3}(?:\.\d{3})+,\d{1,2}|[1-9]\d{0,2}(?:\.\d{3}){2,}|[1-9]\d{0,2}(?:['\u2019_]\d{3})+"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,2}(?:,\d{2})+,\d{3}|\d+(?:\.\d+)?|\.\d+)"
)
_AMOUNT: Final = rf"(?:{_NUMBER}|\d+,\d\d)"
_LONG_SCALE: Final = r"\ (?:thousand|million|billion|trillion)\b"
_COUNTED: Final = r"(?:people|men|women|children|[a-z]{2,}(?<![su])s)\b(?<!\bmiles)(?<!\bacross)(?<!\bthis)(?<!\bis)"
"""A plural: "3.5m users" are millions, "3m high" is a length."""
_UNIT: Final = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True) if unit != "s")

_DASH: Final = r"(?:[-\u2013\u2014]|\ [\u2013\u2014]\ )"
_SCALE: Final = rf"(?:(?:[kKmMbBtT]|mn|bn|tn)\b|{_LONG_SCALE})"
_MONEY_AFTER: Final = rf"(?:[€£$]|(?:{_CODES})\b)"

QUANTITY: Final = rf"""
    (?P<sign>{SIGN}(?=[$€£¥₹\dUAC.]))?
    (?:(?P<symbol>{_SYMBOLS}|(?:{_CODES})(?=\s?\d))\s?(?P<sign_after>[-\u2212](?=\d))?
        (?P<money>{_AMOUNT})(?P<scale1>{_SCALE})?
        (?:{_DASH}(?:{_SYMBOLS})?(?P<money_to>{_AMOUNT})(?P<scale2>{_SCALE})?)?
    | (?P<from>{_AMOUNT}(?=\s?(?:[-\u2013\u2014]\s?{_NUMBER}\s?)?{_MONEY_AFTER})|{_NUMBER})
        (?:(?:\s?(?:°\ ?[CF]?|%|km\b|kg\b))?{_DASH}(?P<to>{_NUMBER}))?
        (?P<scale4>(?:k|bn)\b|[mM](?=\ {_COUNTED})|{_LONG_SCALE})?
        (?:(?P<percent>\s?%)|\s?°\ ?(?P<degrees>[CF])\b|(?P<degree_sign>\s?[℃℉])|(?P<bare_degrees>\s?°)
        |\s?(?P<symbol_after>{_MONEY_AFTER})|(?P<times>[x\u00d7])(?!\w)|\s?(?P<unit>{_UNIT})(?![\w²³])|\s(?P<second>s)\b)?
    )
    (?:/(?P<per>m[²³]|[a-z]+\b))?
"""


def quantity(found: dict[str, str]) -> str:
    """Read a match of `QUANTITY`, from its named groups."""
    per = found.get("per")
    return _quantity(found) + (f" per {_UNITS.get(per, 'second' if per == 's' else per)}" if per else "")


def _quantity(found: dict[str, str]) -> str:
    written_sign = found.get("sign") or found.get("sign_after")
    sign = _SIGNS[written_sign.strip()] if written_sign else ""
    if "money" in found:
        low, high = (found["money"], _scale(found.get("scale1"))), (found.get("money_to"), _scale(found.get("scale2")))
        return sign + _money(low, high, found["symbol"])
    first, last, scale = found["from"], found.get("to"), _scale(found.get("scale4"))
    if "symbol_after" in found:
        return sign + _money((first, scale), (last, scale), found["symbol_after"])
    if unit := _unit(found):
        return f"{sign}{_range(first, last, scale)} {unit}"
    return sign + _range(first, last, scale, may_be_years=not sign and not scale)


def _scale(written: str | None) -> str:
    written = (written or "").strip()
    return _SCALES.get(written, written)


def _range(low: str, high: str | None, scale: str, *, may_be_years: bool = False) -> str:
    last = f" {scale}" if scale else ""
    if high is None:
        return _number(low, may_be_years) + last
    return f"{_number(low, may_be_years)} to {_number(high, may_be_years)}{last}"


def _number(written: str, may_be_year: bool) -> str:
    if may_be_year and re.fullmatch(r"1[1-9]\d\d|20\d\d", written):
        return year(written)
    # A count of that length is written with separators, or is round.
    if may_be_year and re.fullmatch(r"\d{7,}", written) and not written.endswith("000"):
        return ungrouped(written)
    return cardinal(written)


def _money(low: tuple[str, str], high: tuple[str | None, str], symbol: str) -> str:
    """Read an amount or a range. The unit is said once where both are whole or scaled."""
    currency = CURRENCIES[symbol]
    (start, scale), (end, end_scale) = low, high
    if symbol in ("€", "EUR") and re.fullmatch(r"\d{1,3}\.\d{3}", start):
        start = start.replace(".", "")  # nobody writes thousandths of a euro
    if end is None:
        return f"{cardinal(start)} {scale} {currency.many}" if scale else money(start, currency)
    scale = "" if scale == end_scale else scale or ""
    if end_scale:
        return f"{cardinal(start)}{' ' + scale if scale else ''} to {cardinal(end)} {end_scale} {currency.many}"
    if "." in plain(start):
        return f"{money(start, currency)} to {money(end, currency)}"
    return f"{cardinal(start)} to {money(end, currency)}"


def _unit(found: dict[str, str]) -> str:
    is_one = "to" not in found and "scale4" not in found and found["from"] == "1"
    if "times" in found:
        return "times"
    if "percent" in found:
        return "percent"
    if "degree_sign" in found or "degrees" in found:
        letter = found.get("degrees") or ("C" if "℃" in found["degree_sign"] else "F")
        return f"degree{'' if is_one else 's'} {'Celsius' if letter == 'C' else 'Fahrenheit'}"
    if "bare_degrees" in found:
        return "degree" if is_one else "degrees"
    unit = _UNITS.get(found.get("unit") or found.get("second") or "", "")
    return unit if is_one or not unit else _plural(unit)


def _plural(unit: str) -> str:
    for tail in (" an hour", " per second"):
        if unit.endswith(tail):
            return unit.removesuffix(tail) + "s" + tail
    if unit.endswith("hertz"):
        return unit
    return "feet" if unit == "foot" else f"{unit}s"
