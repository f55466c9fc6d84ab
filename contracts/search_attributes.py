"""Search attributes of sessions. The local stack registers them; docs/OPERATIONS.md has the command for elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from temporalio.common import (
    SearchAttributeIndexedValueType,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)

from contracts.session import SessionRequest
from contracts.statuses import SessionStatus

USER = SearchAttributeKey.for_keyword("SessionUser")
STATE = SearchAttributeKey.for_keyword("SessionState")
END_REASON = SearchAttributeKey.for_keyword("SessionEndReason")
DURATION = SearchAttributeKey.for_int("SessionDurationSeconds")
STARTED_AT = SearchAttributeKey.for_datetime("SessionStartedAt")
"""Temporal's own StartTime is that of the last run, where a long session continues as new."""
OWNER = SearchAttributeKey.for_keyword("SessionOwner")
"""Whose API key started it; absent where none is needed."""

ALL = (USER, STATE, END_REASON, DURATION, STARTED_AT, OWNER)

RUNNING = "WorkflowType = 'VoiceSession' AND ExecutionStatus = 'Running'"
"""The visibility query for live sessions."""

_TYPE_NAMES = {
    SearchAttributeIndexedValueType.KEYWORD: "Keyword",
    SearchAttributeIndexedValueType.INT: "Int",
    SearchAttributeIndexedValueType.DATETIME: "Datetime",
}
TYPES = {key.name: _TYPE_NAMES[key.indexed_value_type] for key in ALL}
"""Name and type of each, as Temporal's command line spells them: what a namespace must have."""


def at_start(request: SessionRequest, user: str | None = None) -> TypedSearchAttributes:
    """The attributes of a session that starts now, so that it can be found before its first task has run.

    `user` is the mark that stands for the user's name where that must not be readable. It is never read back as a name.
    """
    now = datetime.now(UTC)
    to_milliseconds = now.replace(microsecond=now.microsecond // 1000 * 1000)  # some of Temporal's stores keep no more
    attributes: list[SearchAttributePair[Any]] = [
        SearchAttributePair(USER, user or request.user_name),
        SearchAttributePair(STATE, SessionStatus.STARTING),
        SearchAttributePair(STARTED_AT, to_milliseconds),
    ]
    if request.owner:
        attributes.append(SearchAttributePair(OWNER, request.owner))
    return TypedSearchAttributes(attributes)
