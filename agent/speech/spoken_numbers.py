"""Reads numbers, money, dates, times, phone numbers and addresses as English words. Pure."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from num2words import num2words

MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONTH_OF: Final = {month[:3]: month for month in MONTHS}
_MAX_CARDINAL_DIGITS: Final = 15
"""Longer numbers are read digit by digit."""
_COUNTRY_CODE: Final = r"[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}"


class Currency(NamedTuple):
    """Names of a currency and its hundredth; empty where nobody uses one."""

    one: str
    many: str
    cent: str = ""
    cents: str = ""


_DOLLAR: Final = Currency("dollar", "dollars", "cent", "cents")
_CANADIAN: Final = Currency("Canadian dollar", "Canadian dollars", "cent", "cents")
_AUSTRALIAN: Final = Currency("Australian dollar", "Australian dollars", "cent", "cents")
_EURO: Final = Currency("euro", "euros", "cent", "cents")
_POUND: Final = Currency("pound", "pounds", "penny", "pence")
_YEN: Final = Currency("yen", "yen")
_RUPEE: Final = Currency("rupee", "rupees", "paisa", "paise")
CURRENCIES: Final = {
    **{"$": _DOLLAR, "USD": _DOLLAR, "US$": Currency("US dollar", "US dollars", "cent", "cents")},
    **{"€": _EURO, "EUR": _EURO, "£": _POUND, "GBP": _POUND, "¥": _YEN, "JPY": _YEN, "₹": _RUPEE, "INR": _RUPEE},
    **{"CAD": _CANADIAN, "C$": _CANADIAN, "AUD": _AUSTRALIAN, "A$": _AUSTRALIAN},
    "CHF": Currency("Swiss franc", "Swiss francs", "centime", "centimes"),
}


def plain(number: str) -> str:
    """Return a written number without separators and with a decimal point."""
    number = re.sub(r"[\s'\u2019_]", "", number)
    if re.fullmatch(r"(?:\d{1,3}(?:\.\d{3})+|\d+),\d{1,2}", number):
        return number.replace(".", "").replace(",", ".")
    if re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}", number):
        return number.replace(".", "")
    return number.replace(",", "")


def cardinal(number: str) -> str:
    """Read a written number without sign."""
    whole, _, fraction = plain(number).partition(".")
    if len(whole) > _MAX_CARDINAL_DIGITS or (len(whole) > 1 and whole.startswith("0")):
        said = one_by_one(whole)
    else:
        said = str(num2words(int(whole or "0"))).replace(",", "")
    return said + (f" point {one_by_one(fraction)}" if fraction else "")


def one_by_one(digits: str) -> str:
    """Read each digit."""
    return " ".join(str(num2words(int(digit))) for digit in digits)


def in_groups(number: str) -> str:
    """Read the groups of a phone or card number digit by digit, and letters as the word they are."""
    if country := re.fullmatch(rf"\+({_COUNTRY_CODE})(\d{{6,}})", number):
        return f"plus {one_by_one(country[1])}, {ungrouped(country[2])}"
    number = number.replace("(0)", "")  # dialed within the country only
    plus = "plus " if number.startswith("+") else ""
    groups = re.findall(r"\d+|[A-Za-z]+(?:-[A-Za-z]+)*", number)
    return plus + ", ".join(
        one_by_one(group) if group.isdigit() else group.lower().replace("-", " ") for group in groups
    )


def ungrouped(digits: str) -> str:
    """Read a long number without separators: a phone or card number, or an id."""
    lengths = {7: [3, 4], 10: [3, 3, 4], 11: [1, 3, 3, 4] if digits.startswith("1") else [3, 4, 4]}.get(len(digits))
    if lengths is None:
        size = 4 if len(digits) % 4 == 0 else 3
        lengths = [size] * (len(digits) // size) + [len(digits) % size]
        if lengths[-1] == 1:
            lengths[-2:] = [size + 1]
    return in_groups(" ".join(digits[start:end] for start, end in pairwise(accumulate(lengths, initial=0))))


def ordinal(digits: str) -> str:
    """Read "3" as "third"."""
    return str(num2words(int(digits), to="ordinal")).replace(",", "")


def year(digits: str) -> str:
    """Read a year of four digits."""
    return str(num2words(int(digits), to="year"))


def decade(first_year: str) -> str:
    """Read "1990" as "nineteen nineties", and "'90" as "nineties"."""
    said = year(first_year) if first_year.isdigit() else cardinal(first_year[1:])
    return f"{said.removesuffix('y')}ies" if said.endswith("y") else f"{said}s"


def date(month: str, day: str, of_year: str | None, *, last_day: str | None = None) -> str:
    """Read a date, or the days up to `last_day`, with the English name of its month, whole or short."""
    days = f"{ordinal(day)} to {ordinal(last_day)}" if last_day else ordinal(day)
    return f"{_MONTH_OF[month[:3]]} {days}" + (f", {year(of_year)}" if of_year else "")


def numeric_date(written: str) -> str:
    """Read `2026-03-01`, `01.03.2026`, or `3/1/26`: month first, or day first where the first number is no month."""
    first, second, third = re.split(r"[-./]", written)
    if len(first) == 4:
        return date(MONTHS[int(second) - 1], third, first)
    if "." in written or int(first) > 12:
        first, second = second, first
    return date(MONTHS[int(first) - 1], second, third if len(third) == 4 else f"20{third}")


def time(hour: str, minute: str, half: str | None, *, is_alone: bool = True) -> str:
    """Read a time of day; `half` is the letter of AM or PM."""
    at = int(hour)
    if half is None and (at > 12 or at == 0):
        half = "a" if at == 0 else "p"
    suffix = f" {half.upper()}M" if half else ""
    said = cardinal(str(at % 12 or 12))
    if minute == "00":
        return said + (suffix or (" o'clock" if is_alone else ""))
    return f"{said} {'oh ' if minute[0] == '0' else ''}{cardinal(str(int(minute)))}{suffix}"


def money(amount: str, currency: Currency) -> str:
    """Read an amount with its currency and hundredths."""
    whole, _, fraction = plain(amount).partition(".")
    if len(fraction) > 2 or (fraction and not currency.cent):
        return f"{cardinal(amount)} {currency.many}"
    cents = int(fraction.ljust(2, "0")) if fraction else 0
    units = int(whole or "0")
    parts = [] if cents and not units else [f"{cardinal(whole)} {currency.one if units == 1 else currency.many}"]
    if cents:
        parts.append(f"{cardinal(str(cents))} {currency.cent if cents == 1 else currency.cents}")
    return " and ".join(parts)


def address(written: str) -> str:
    """Read a link or an e-mail address without scheme, `www.` and query."""
    written = re.sub(r"^https?://", "", written).removeprefix("www.").partition("?")[0].partition("#")[0].rstrip("/")
    for sign, word in (
        (".", "dot"),
        ("/", "slash"),
        ("@", "at"),
        ("-", "dash"),
        ("_", "underscore"),
        ("+", "plus"),
        (":", "colon"),
    ):
        written = written.replace(sign, f" {word} ")
    return " ".join(written.split())
