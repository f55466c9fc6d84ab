"""Reads and writes times as RFC 3339, in UTC with milliseconds, which is Temporal's precision."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_RFC_3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Temporal counts nanoseconds in 64 bits. All sessions are between these, so times beyond them are clamped."""


def rfc3339(moment: datetime) -> str:
    """`2026-11-23T15:21:20.123Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse(text: object) -> datetime:
    """Parse an RFC 3339 text, in UTC. Raises `ValueError`."""
    problem = "must be a time of RFC 3339, such as 2026-11-23T15:21:20Z"
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text.upper()):
        raise ValueError(problem)
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except ValueError:  # such as the 30th of February
        raise ValueError(problem) from None
    except OverflowError:  # an offset in the first or the last year
        return _EARLIEST if text.startswith("0") else _LATEST
    return min(max(moment, _EARLIEST), _LATEST)


def round_up(moment: datetime) -> datetime:
    """Round up to whole milliseconds."""
    return moment + timedelta(microseconds=-moment.microsecond % 1000)


_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})

Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str), _SCHEMA]
"""A time in an answer."""

TimeInput = Annotated[datetime, BeforeValidator(parse), _SCHEMA]
"""A time in a request."""
