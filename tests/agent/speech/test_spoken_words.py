"""A table of written text and the words that people say for it, whole and in two chunks at every position."""

# ruff: noqa: RUF001 - the signs that people write are the point

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Final

import pytest

from agent.conversation.turn_taking import TTS_TEXT_TRANSFORMS
from agent.speech.text_normalization import normalize_stream, normalize_text

MONEY: Final = [
    ("-$5", "minus five dollars"),
    ("−$5.00", "minus five dollars"),
    ("–$5", "minus five dollars"),
    ("+$5", "plus five dollars"),
    ("$-5", "minus five dollars"),
    ("$5-$10", "five to ten dollars"),
    ("$5–10", "five to ten dollars"),
    ("$5 – $10", "five to ten dollars"),
    ("It is €5–10.", "It is five to ten euros."),
    ("$1.50-$2.50", "one dollar and fifty cents to two dollars and fifty cents"),
    ("$5-$10.50", "five to ten dollars and fifty cents"),
    ("€3.50", "three euros and fifty cents"),
    ("€3,50", "three euros and fifty cents"),
    ("3,50 €", "three euros and fifty cents"),
    ("€1.234,56", "one thousand two hundred and thirty-four euros and fifty-six cents"),
    ("£1m", "one million pounds"),
    ("$2.5bn", "two point five billion dollars"),
    ("$2.5 billion", "two point five billion dollars"),
    ("$5 million-$10 million", "five to ten million dollars"),
    ("A$5", "five Australian dollars"),
    ("2.000 €", "two thousand euros"),
    ("€2/m²", "two euros per square meter"),
    ("-$2.5bn", "minus two point five billion dollars"),
    ("$5k", "five thousand dollars"),
    ("$1-2 million", "one to two million dollars"),
    ("$1m-$2m", "one to two million dollars"),
    ("$900k–$1.2m", "nine hundred thousand to one point two million dollars"),
    (
        "$1,234,567.89",
        "one million two hundred and thirty-four thousand five hundred and sixty-seven dollars and eighty-nine cents",
    ),
    ("$0.01", "one cent"),
    ("£0.01", "one penny"),
    ("£2.50", "two pounds and fifty pence"),
    ("¥500", "five hundred yen"),
    ("₹500", "five hundred rupees"),
    ("CHF 20", "twenty Swiss francs"),
    ("20 CHF", "twenty Swiss francs"),
    ("USD 5", "five dollars"),
    ("5 USD", "five dollars"),
    ("US$5", "five US dollars"),
    ("5$", "five dollars"),
    ("50¢", "fifty cents"),
    ("$10/month", "ten dollars per month"),
    ("~$5", "about five dollars"),
    (">$5", "more than five dollars"),
    ("It costs $5.", "It costs five dollars."),
    ("It costs $5, or $6!", "It costs five dollars, or six dollars!"),
    ("($5)", "(five dollars)"),
]
UNITS: Final = [
    ("−12 °C", "minus twelve degrees Celsius"),
    ("-12°C", "minus twelve degrees Celsius"),
    ("10-15 °C", "ten to fifteen degrees Celsius"),
    ("-5 to -2 °C", "minus five to minus two degrees Celsius"),
    ("72°F", "seventy-two degrees Fahrenheit"),
    ("20 ℃", "twenty degrees Celsius"),
    ("1°", "one degree"),
    ("90 °", "ninety degrees"),
    ("36.6 °C", "thirty-six point six degrees Celsius"),
    ("10°C–15°C", "ten to fifteen degrees Celsius"),
    ("10 GB/s", "ten gigabytes per second"),
    ("5 km", "five kilometers"),
    ("5–10 km", "five to ten kilometers"),
    ("10 m", "ten meters"),
    ("The wall is 3m high.", "The wall is three meters high."),
    ("3.5m people", "three point five million people"),
    ("3.5m users", "three point five million users"),
    ("2m", "two meters"),
    ("10k followers", "ten thousand followers"),
    ("7.9bn people", "seven point nine billion people"),
    ("3.5 million people", "three point five million people"),
    ("25 m²", "twenty-five square meters"),
    ("1 kg", "one kilogram"),
    ("500 mg", "five hundred milligrams"),
    ("6 ft", "six feet"),
    ("150 lbs", "one hundred and fifty pounds"),
    ("16 GB", "sixteen gigabytes"),
    ("100 Mbps", "one hundred megabits per second"),
    ("5 kWh", "five kilowatt hours"),
    ("60 Hz", "sixty hertz"),
    ("100 km/h", "one hundred kilometers an hour"),
    ("10 m/s", "ten meters per second"),
    ("5 min", "five minutes"),
    ("24h", "twenty-four hours"),
    ("30 s", "thirty seconds"),
    ("1 ms", "one millisecond"),
]
NUMBERS: Final = [
    ("1 000 000", "one million"),
    ("1,000,000", "one million"),
    ("1\u00a0000\u00a0000", "one million"),
    ("1\u202f000\u202f000", "one million"),
    ("1\u2009000\u2009000", "one million"),
    ("1.000.000", "one million"),
    ("1'000'000", "one million"),
    ("1_000_000", "one million"),
    ("10,00,000", "one million"),
    ("1000000", "one million"),
    ("10 000 people", "ten thousand people"),
    ("12 500 people", "twelve thousand five hundred people"),
    ("12\u202f345", "twelve thousand three hundred and forty-five"),
    ("1 234 567", "one million two hundred and thirty-four thousand five hundred and sixty-seven"),
    ("1,234.5", "one thousand two hundred and thirty-four point five"),
    ("−5", "minus five"),
    ("-0.5", "minus zero point five"),
    (".5", "zero point five"),
    ("+5", "plus five"),
    ("±5", "plus or minus five"),
    ("~50 people", "about fifty people"),
    ("≤5", "at most five"),
    ("#5", "number five"),
    ("3-5 days", "three to five days"),
    ("3–5 days", "three to five days"),
    ("3 – 5 days", "three to five days"),
    ("100-200 people", "one hundred to two hundred people"),
    ("500-1000 people", "five hundred to one thousand people"),
    ("pages 10—12", "pages ten to twelve"),
    ("½", "one half"),
    ("1½ cups", "one and a half cups"),
    ("3/4", "three quarters"),
    ("open 24/7", "open twenty-four seven"),
    ("2 + 2 = 4", "two plus two equals four"),
    ("5 × 3", "five times three"),
    ("2 1/2 cups", "two and a half cups"),
    ("16:9", "sixteen to nine"),
    ("3x faster", "three times faster"),
    (
        "999 999 999 999",
        "nine hundred and ninety-nine billion nine hundred and ninety-nine million nine hundred and "
        "ninety-nine thousand nine hundred and ninety-nine",
    ),
    ("1, 2, 3", "one, two, three"),
    ("007", "zero zero seven"),
]
PHONES: Final = [
    ("555 010 9999", "five five five, zero one zero, nine nine nine nine"),
    ("5550109999", "five five five, zero one zero, nine nine nine nine"),
    ("555-010-9999", "five five five, zero one zero, nine nine nine nine"),
    ("555.010.9999", "five five five, zero one zero, nine nine nine nine"),
    ("(555) 010-9999", "five five five, zero one zero, nine nine nine nine"),
    ("+1 (555) 010-9999", "plus one, five five five, zero one zero, nine nine nine nine"),
    ("+1 555 010 9999", "plus one, five five five, zero one zero, nine nine nine nine"),
    ("+1-555-010-9999", "plus one, five five five, zero one zero, nine nine nine nine"),
    ("15550109999", "one, five five five, zero one zero, nine nine nine nine"),
    ("1 555 010 9999", "one, five five five, zero one zero, nine nine nine nine"),
    ("+15550109999", "plus one, five five five, zero one zero, nine nine nine nine"),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("020 7946 0958", "zero two zero, seven nine four six, zero nine five eight"),
    ("1-800-FLOWERS", "one, eight zero zero, flowers"),
    ("1-800-GO-FEDEX", "one, eight zero zero, go fedex"),
    ("555-0199", "five five five, zero one nine nine"),
    ("Call 555 0199.", "Call five five five, zero one nine nine."),
    ("Dial 5550199 now", "Dial five five five, zero one nine nine now"),
    ("4111 1111 1111 1111", "four one one one, one one one one, one one one one, one one one one"),
    ("4111-1111-1111-1111", "four one one one, one one one one, one one one one, one one one one"),
    ("4111111111111111", "four one one one, one one one one, one one one one, one one one one"),
    ("3782 822463 10005", "three seven eight two, eight two two four six three, one zero zero zero five"),
    ("123-45-6789", "one two three, four five, six seven eight nine"),
    ("9-1-1", "nine, one, one"),
    ("+49 (0)30 901820", "plus four nine, three zero, nine zero one eight two zero"),
    ("+919876543210", "plus nine one, nine eight seven, six five four, three two one zero"),
    ("Your code is 123 456.", "Your code is one two three, four five six."),
]
DATES: Final = [
    ("2026-03-01", "March first, twenty twenty-six"),
    ("2026-03-01T10:30:00Z", "March first, twenty twenty-six at ten thirty AM"),
    ("2026-03-01 16:00", "March first, twenty twenty-six at four PM"),
    ("01.03.2026", "March first, twenty twenty-six"),
    ("3/1/2026", "March first, twenty twenty-six"),
    ("March 3", "March third"),
    ("March 3rd, 2026", "March third, twenty twenty-six"),
    ("3 March 2026", "March third, twenty twenty-six"),
    ("the 3rd of March", "the March third"),
    ("in 2008", "in two thousand and eight"),
    ("2020-2025", "twenty twenty to twenty twenty-five"),
    ("1939–45", "nineteen thirty-nine to forty-five"),
    ("the 1980s", "the nineteen eighties"),
    ("at 10:30", "at ten thirty"),
    ("at 10:05 am", "at ten oh five AM"),
    ("at 16:00", "at four PM"),
    ("at 7pm.", "at seven PM."),
    ("9am-5pm", "nine AM to five PM"),
    ("9-11 am", "nine to eleven AM"),
    ("9:30–10:30", "nine thirty to ten thirty"),
    ("9:00-17:00", "nine o'clock to five PM"),
    ("10:30:15", "ten thirty and fifteen seconds"),
    ("at 10.30 am", "at ten thirty AM"),
    ("January 5–7, 2026", "January fifth to seventh, twenty twenty-six"),
    ("5-7 January", "January fifth to seventh"),
    ("2026/03/01", "March first, twenty twenty-six"),
    ("1st", "first"),
    ("the 22nd", "the twenty-second"),
    ("the 21st century", "the twenty-first century"),
    ("the 100th", "the one hundredth"),
]
PERCENT_AND_ADDRESSES: Final = [
    ("50%", "fifty percent"),
    ("-5%", "minus five percent"),
    ("−5 %", "minus five percent"),
    ("5-10%", "five to ten percent"),
    ("0.5 %", "zero point five percent"),
    ("+3.2%", "plus three point two percent"),
    ("Version 1.8.9", "Version one point eight point nine"),
    ("v2.0", "version two point zero"),
    ("v1.10.3", "version one point ten point three"),
    ("192.168.0.1", "one nine two dot one six eight dot zero dot one"),
    ("example.com", "example dot com"),
    ("https://www.example.com/menu?x=1", "example dot com slash menu"),
    ("http://example.org/a-b#top", "example dot org slash a dash b"),
    ("See example.com.", "See example dot com."),
    ("ann_b@example.org", "ann underscore b at example dot org"),
    ("a.b+c@mail.example.co.uk", "a dot b plus c at mail dot example dot co dot uk"),
]
MARKUP: Final = [
    ('<speak>Hello <break time="1s"/> there.</speak>', "Hello, there."),
    ("Hello. <break time='500ms'/> There.", "Hello. There."),
    ("<p>Hello &amp; welcome.</p>", "Hello and welcome."),
    ("<p>Hello.</p><p>Welcome.</p>", "Hello. Welcome."),
    ("<ul><li>Tulips</li><li>Roses</li></ul>", "Tulips, Roses"),
    ("One<br/>two", "One, two"),
    ("It is <b>very</b> good.", "It is very good."),
    ('<prosody rate="slow" pitch="low">Slow.</prosody>', "Slow."),
    ("I <emphasis>do</emphasis>!", "I do!"),
    ("It&#39;s &quot;good&quot;.", 'It\'s "good".'),
    ("caf&eacute;", "café"),
    ("a&nbsp;b", "a\u00a0b"),
    ("<!-- note -->Hi.", "Hi."),
    ("Tom &amp; Ann", "Tom and Ann"),
    ("Tom & Ann", "Tom and Ann"),
    ("AT&T and R&D", "AT&T and R&D"),
    ("a < b", "a less than b"),
    ("I <3 you", "I less than three you"),
    ("<b>$5</b>", "five dollars"),
    ("&lt;b&gt;Hi&lt;/b&gt;", "Hi"),
    ("5 &lt; 6", "five less than six"),
]
REASONING: Final = [
    ("<think>A</think> B.", "B."),
    ("<thinking>A</thinking> B.", "B."),
    ("<Thinking>A.\n\nC.</Thinking>\n\nB.", "B."),
    ("<reasoning>A 5</reasoning>B.", "B."),
    ("A\n</think>\nB.", "B."),
    ("A\n</thinking>\nB.", "B."),
    ("A.\n</think>\nB.", "B."),
    ("\n\nA\n</think>\nB.", "B."),
    ("<think>A", ""),
    ("<think></think>B. C. D.", "B. C. D."),
    ("<think>A <b>b</b> < 5</think>B.", "B."),
    ("B. <think>A.</think>C.", "B. C."),
    ("B. C. <think>A.</think>D.", "B. C. D."),
    ("I think so.", "I think so."),
]
NAMES: Final = [
    *("O'Brien", "O’Brien", "Amélie", "Zoë O’Neill-Smith", "प्रिया शर्मा", "محمّد", "สมชาย ใจดี", "ปิ่น"),
    *("தமிழ்ச்செல்வி", "王小明", "Алексей Йовович", "Юлия", "Γιώργος", "שָׁרוֹן", "김민준", "さくら"),
]
TABLE: Final = [
    *MONEY,
    *UNITS,
    *NUMBERS,
    *PHONES,
    *DATES,
    *PERCENT_AND_ADDRESSES,
    *MARKUP,
    *REASONING,
    *((name, unicodedata.normalize("NFC", name)) for name in NAMES),
    (unicodedata.normalize("NFD", "Amélie"), "Amélie"),
]


@pytest.mark.parametrize(("written", "spoken"), TABLE)
def test_written_text_becomes_what_people_say(written: str, spoken: str) -> None:
    assert normalize_text(written) == spoken


@pytest.mark.parametrize("written", [written for written, _ in TABLE])
def test_chunks_do_not_change_what_is_said(written: str) -> None:
    async def all_equal(text: str) -> None:
        whole = normalize_text(text)
        for cut in range(len(text) + 1):
            assert "".join(await streamed([text[:cut], text[cut:]])) == whole
        assert "".join(await streamed(list(text))) == whole

    for text in (written, f"It is {written} today, at 5 of them.", f"Yes. {written}\nNo."):
        asyncio.run(all_equal(text))


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Tulips** cost *$5*.", "Tulips cost five dollars."),
        ("- Tulips\n- Roses", "Tulips\nRoses"),
        ("# Prices\n$5", "Prices\nfive dollars"),
        ("[our menu](https://example.com)", "our menu"),
        ("`code` and __bold__", "code and bold"),
        ("Hi 😀 there", "Hi  there"),
        ("👍🏽 5 of 5", " five of five"),
        ("1\ufe0f\u20e3 first", "one first"),
        ("-$5", "minus five dollars"),
    ],
)
def test_markdown_and_emoji_are_not_said(written: str, spoken: str) -> None:
    assert asyncio.run(through_all(written)) == spoken


async def through_all(text: str) -> str:
    chunks: AsyncIterable[str] = source([text])
    for transform in TTS_TEXT_TRANSFORMS:
        chunks = transform(chunks)
    return "".join([chunk async for chunk in chunks])


async def streamed(pieces: Sequence[str]) -> list[str]:
    return [piece async for piece in normalize_stream(source(pieces))]


async def source(pieces: Sequence[str]) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece
