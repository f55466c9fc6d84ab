"""Text normalization, complete and streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.speech.text_normalization import normalize_stream, normalize_text


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("We have 3 left.", "We have three left."),
        (
            "It is 2.50 now, 1,234 later.",
            "It is two point five zero now, one thousand two hundred and thirty-four later.",
        ),
        ("Minus: -5.", "Minus: minus five."),
        ("It costs $3.50.", "It costs three dollars and fifty cents."),
        (
            "$1 or $0.99, €1.01, £2.01",
            "one dollar or ninety-nine cents, one euro and one cent, two pounds and one penny",
        ),
        ("12.50 EUR or 20 €.", "twelve euros and fifty cents or twenty euros."),
        ("$3.5 million, $1,200.", "three point five million dollars, one thousand two hundred dollars."),
        ("On 2025-03-01.", "On March first, twenty twenty-five."),
        ("March 3, 2025 it is.", "March third, twenty twenty-five it is."),
        ("On 21st of May, or June 2nd.", "On May twenty-first, or June second."),
        ("3 March 2005?", "March third, two thousand and five?"),
        ("In 1984 and 1900.", "In nineteen eighty-four and nineteen hundred."),
        ("At 10:30 am, 16:05 or 12:00.", "At ten thirty AM, four oh five PM or twelve o'clock."),
        ("At 7 p.m. sharp, 0:15", "At seven PM sharp, twelve fifteen AM"),
        ("Till 7 p.m., or 9 p.m. EST.", "Till seven PM, or nine PM EST."),
        ("At 7 p.m. We close at 10:30 p.m.", "At seven PM. We close at ten thirty PM."),
        ("At 7pm. And 10:30 a.m. daily", "At seven PM. And ten thirty AM daily"),
        (
            "On 12/25/2026, 25/12/2026 or 03/05/26.",
            "On December twenty-fifth, twenty twenty-six, December twenty-fifth, twenty twenty-six or March fifth, "
            "twenty twenty-six.",
        ),
        ("13/13/2026, 5/9 and A1/2 stay.", "13/13/2026, 5/9 and A1/2 stay."),
        (
            "On Mar 3, Dec. 25th or Sept. 5, 2026.",
            "On March third, December twenty-fifth or September fifth, twenty twenty-six.",
        ),
        ("3 Mar 2026, or 4 Apr. 2026", "March third, twenty twenty-six, or April fourth, twenty twenty-six"),
        ("By 3 Sept. at noon. By 3 Mar. Then", "By September third at noon. By March third. Then"),
        ("Mark 3, Mars 4 and 5 Decks", "Mark three, Mars four and five Decks"),
        (
            "Since the 1990s, 1900s, 2000s, 2010s.",
            "Since the nineteen nineties, nineteen hundreds, two thousands, twenty tens.",
        ),
        ("The '90s, 1980's music, 30s", "The nineties, nineteen eighties music, 30s"),
        ("15% or 2.5 %", "fifteen percent or two point five percent"),
        ("The 3rd and the 21st.", "The third and the twenty-first."),
        ("3-5 days", "three to five days"),
        ("20°C, -1 °F, 90°", "twenty degrees Celsius, minus one degree Fahrenheit, ninety degrees"),
        ("5 km at 30 km/h, 1 kg", "five kilometers at thirty kilometers an hour, one kilogram"),
        ("Call +1 555-123-4567.", "Call plus one, five five five, one two three, four five six seven."),
        ("Call (555) 123-4567.", "Call five five five, one two three, four five six seven."),
        ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
        ("1-800-555-0199", "one, eight zero zero, five five five, zero one nine nine"),
        ("Room (555) or (12)", "Room (five hundred and fifty-five) or (twelve)"),
        ("Go to https://www.example.com/menu?x=1.", "Go to example dot com slash menu."),
        ("See my-shop.co.uk, please.", "See my dash shop dot co dot uk, please."),
        ("Write to ann_b@example.org.", "Write to ann underscore b at example dot org."),
        ("Version 1.8.9.", "Version one point eight point nine."),
        ("Room 007", "Room zero zero seven"),
        ("A4, B12 and MP3 stay.", "A4, B12 and MP3 stay."),
        ("May I? In May 5 came.", "May I? In May fifth came."),
        ("Well. So it is.", "Well. So it is."),
    ],
)
def test_signs_become_words(written: str, spoken: str) -> None:
    assert normalize_text(written) == spoken


def streamed(pieces: Sequence[str]) -> list[str]:
    async def source() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    async def collect() -> list[str]:
        return [piece async for piece in normalize_stream(source())]

    return asyncio.run(collect())


WORDS = st.sampled_from(
    [
        *("March", "3", "3,", "2025", "2025-03-01", "$3.50", "$", "million", "10:30", "a.m.", "pm", "12", "€", "EUR,"),
        *(
            "the",
            "price",
            "is",
            "May",
            "of",
            "21st",
            "1,000.5",
            "+1",
            "555-1234",
            "example.com/a-b.",
            "km",
            "%",
            "-",
            ".",
        ),
        *("p.m.", "p.m.,", "Mar", "Sept.", "12/25/2026", "1990s", "'90s", "(555)", "123-4567", "EST", "a4", "We"),
        *(".", "1.8.9", "a@b.org", "A4", "000", "well,", "5%", "99999999999999999999"),
        *(
            "-$5",
            "\u2212",
            "\u2013",
            "$10",
            "000",
            "3.5m",
            "people",
            "miles",
            "m",
            "\u00b0C",
            "010",
            "9999",
            "1111",
            "<",
        ),
        *(
            "<b>",
            "</p>",
            "<break/>",
            "<br",
            ">",
            "&amp;",
            "&",
            ";",
            "<think>",
            "</think>",
            "</",
            "1/2",
            "2026-03-01 10:30",
        ),
    ]
)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", "  ", "\n", ""])), max_size=12).map(
    lambda words: "".join(word + gap for word, gap in words)
)


@given(text=st.one_of(TEXTS, st.text(max_size=60)), cuts=st.lists(st.integers(0, 100), max_size=10))
def test_chunk_boundaries_do_not_change_the_result(text: str, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    pieces = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert "".join(streamed(pieces)) == normalize_text(text)


@given(text=TEXTS)
@example(text="7 p.m. a4 is it.")  # the text after the dot decides
def test_single_characters_give_the_same_result(text: str) -> None:
    assert "".join(streamed(list(text))) == normalize_text(text)


def test_plain_words_are_yielded_at_once_after_the_first_sentence() -> None:
    said = streamed(["It ", "is ", "sunny. ", "Take ", "a ", "hat ", "today."])
    assert said == ["It is sunny. ", "Take ", "a ", "hat ", "today."]


async def test_text_that_cannot_be_normalized_is_said_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(match: object) -> str:
        raise ValueError("seven secret words")

    async def chunks() -> AsyncIterator[str]:
        for piece in ("It is ", "7 now", " and later.", " Bye."):
            yield piece

    monkeypatch.setattr("agent.speech.text_normalization._words_of", fails)
    assert "".join([said async for said in normalize_stream(chunks())]) == "It is 7 now and later. Bye."
    assert caplog.messages == ["text could not be normalized, and is said as it is written: ValueError"]
