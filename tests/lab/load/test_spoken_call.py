"""Callers of a load test who get no agent."""

from __future__ import annotations

from time import monotonic

import httpx
import pytest

from lab.load.spoken_call import Script, hold
from lab.rest_client import Started


class Refusing:
    """A line that answers each start with an error."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self._response = httpx.Response(status, headers=headers, request=httpx.Request("POST", "http://any"))

    async def start(self) -> Started:
        raise httpx.HTTPStatusError("no", request=self._response.request, response=self._response)

    async def end(self, session_id: str) -> None:
        raise AssertionError("nothing was started")


@pytest.mark.parametrize(
    ("status", "headers", "was_refused"),
    [(503, {"Retry-After": "5"}, True), (503, {}, False), (500, {"Retry-After": "5"}, False)],
)
async def test_a_refusal_says_when_to_come_back(status: int, headers: dict[str, str], was_refused: bool) -> None:
    call = await hold(Refusing(status, headers), Script(3), monotonic())
    assert call.was_refused is was_refused
    assert (call.error == "") is was_refused
    assert call.asked == 3
    assert call.answered_after is not None
    assert call.session_id == ""
