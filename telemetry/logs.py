"""Sets up logging: format, destination, and the session id of each line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, Literal

# A formatter for plain `logging`, which uvicorn, livekit-agents and Temporal's SDK use; it imports nothing else.
from pythonjsonlogger.json import JsonFormatter

from contracts.identities import is_session_id

LogFormat = Literal["text", "json"]

FIELDS: Final = ("time", "level", "logger", "message", "session_id", "exception")
"""The only fields of a JSON line: libraries attach identities and texts of callers to their records."""

_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_NOISY = ("httpx",)
"""It logs every URL that it requests, one for each health check."""

_of_this_context: ContextVar[str] = ContextVar("session_id", default="")
_of_this_process = ""


def _no_session() -> str:
    return ""


def configure(log_format: LogFormat, session_of_call: Callable[[], str] = _no_session) -> None:
    """Log to standard error. `session_of_call` returns the session if neither context nor process has one."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format == "json" else logging.Formatter(_TEXT))
    handler.addFilter(_without_query)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    stamp_records(session_of_call)


def stamp_records(session_of_call: Callable[[], str] = _no_session) -> None:
    """Add the session id to each record when it is made, so that it survives the way to another process."""

    def make(*args: Any, **options: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **options)
        record.session_id = _of_this_context.get() or _of_this_process or session_of_call()
        return record

    logging.setLogRecordFactory(make)


def about(session_id: str) -> None:
    """Log the rest of this task, an API request, with this session id. Anything but a session id is ignored."""
    if is_session_id(session_id):
        _of_this_context.set(session_id)


def process_is_about(session_id: str) -> None:
    """Log all of this process, an agent's job, with this session id, in every task and thread."""
    global _of_this_process  # noqa: PLW0603  a process has one job
    _of_this_process = session_id


class JsonLines(JsonFormatter):
    """One JSON object a line with the non-empty `FIELDS`."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
            rename_fields_keep_missing=False,
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Keep the known fields; `time` is UTC as RFC 3339."""
        super().add_fields(log_data, record, message_dict)
        seconds, milliseconds = time.gmtime(record.created), int(record.msecs)
        found = {**log_data, "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', seconds)}.{milliseconds:03d}Z"}
        log_data.clear()
        log_data.update({name: found[name] for name in FIELDS if found.get(name)})


def _without_query(record: logging.LogRecord) -> bool:
    """Remove the query, which names users, from uvicorn's access log."""
    if record.name == "uvicorn.access" and isinstance(record.args, tuple):
        record.args = tuple(value.partition("?")[0] if isinstance(value, str) else value for value in record.args)
    return True
