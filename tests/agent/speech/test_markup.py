"""The filter of SSML and HTML."""

from __future__ import annotations

import pytest

from agent.speech.markup import MarkupFilter


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("One <break/> two.", "One, two."),
        ("One. <break/> Two.", "One. Two."),
        ("<p>One</p>\n<p>two</p>", "One, two"),
        ("It is <b>very</b> good.", "It is very good."),
        ("Tom &amp; Ann &#8211; &bogus; &", "Tom & Ann \u2013 &bogus; &"),
        ("x <y and y> z", "x <y and y> z"),
        ("a < b, 5 <6", "a < b, 5 <6"),
        ("The end  ", "The end  "),
    ],
)
def test_markup_goes_from_any_chunks(written: str, plain: str) -> None:
    whole, by_sign = MarkupFilter(), MarkupFilter()
    assert whole.feed(written) + whole.flush() == plain
    assert "".join(by_sign.feed(sign) for sign in written) + by_sign.flush() == plain
