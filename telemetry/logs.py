"""The one place that sets up logging: where lines go, how they look, and which session each is about."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, Literal

# Plain `logging` stays the interface, since uvicorn, livekit-agents and Temporal's SDK use it; of the kept formatters
# for it this one has the most users, and imports nothing.
from pythonjsonlogger.json import JsonFormatter

from contracts.identities import is_session_id

LogFormat = Literal["text", "json"]

FIELDS: Final = ("time", "level", "logger", "message", "session_id", "exception")
"""What a JSON line holds, and no more: libraries attach identities and texts of callers to their records."""

_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_NOISY = ("httpx",)
"""Logs every URL that it asks, once a health check."""

_of_this_context: ContextVar[str] = ContextVar("session_id", default="")
_of_this_process = ""


def _unknown() -> str:
    return ""


def configure(log_format: LogFormat, session_of_call: Callable[[], str] = _unknown) -> None:
    """Log to the standard error from here on. `session_of_call` names the session where nothing else has."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format == "json" else logging.Formatter(_TEXT))
    handler.addFilter(_without_query)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    stamp_records(session_of_call)


def stamp_records(session_of_call: Callable[[], str] = _unknown) -> None:
    """Have each record know its session from its making, also where another process writes it down."""

    def make(*args: Any, **options: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **options)
        record.session_id = _of_this_context.get() or _of_this_process or session_of_call()
        return record

    logging.setLogRecordFactory(make)


def about(session_id: str) -> None:
    """The rest of this task, an API request, is about this session. What is no session's id is not taken."""
    if is_session_id(session_id):
        _of_this_context.set(session_id)


def process_is_about(session_id: str) -> None:
    """This process, an agent's job, serves this session only; also tasks and threads that are not its own."""
    global _of_this_process  # noqa: PLW0603  a process has one job
    _of_this_process = session_id


class JsonLines(JsonFormatter):
    """One JSON object a line, of `FIELDS`; those that are empty are left out."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
            rename_fields_keep_missing=False,
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Keep what is known; `time` is UTC in the form of RFC 3339."""
        super().add_fields(log_data, record, message_dict)
        seconds, milliseconds = time.gmtime(record.created), int(record.msecs)
        found = {**log_data, "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', seconds)}.{milliseconds:03d}Z"}
        log_data.clear()
        log_data.update({name: found[name] for name in FIELDS if found.get(name)})


def _without_query(record: logging.LogRecord) -> bool:
    """uvicorn's access log has the address with its query, and that names users."""
    if record.name == "uvicorn.access" and isinstance(record.args, tuple):
        record.args = tuple(value.partition("?")[0] if isinstance(value, str) else value for value in record.args)
    return True
