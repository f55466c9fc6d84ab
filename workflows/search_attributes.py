"""What Temporal's UI lists and filters sessions by. The local stack registers these; OPERATIONS says how elsewhere."""

from __future__ import annotations

from temporalio.common import (
    SearchAttributeIndexedValueType,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)

from contracts import SessionRequest, SessionState

USER = SearchAttributeKey.for_keyword("SessionUser")
STATE = SearchAttributeKey.for_keyword("SessionState")
END_REASON = SearchAttributeKey.for_keyword("SessionEndReason")
DURATION = SearchAttributeKey.for_int("SessionDurationSeconds")

ALL = (USER, STATE, END_REASON, DURATION)

_TYPE_NAMES = {SearchAttributeIndexedValueType.KEYWORD: "Keyword", SearchAttributeIndexedValueType.INT: "Int"}
TYPES = {key.name: _TYPE_NAMES[key.indexed_value_type] for key in ALL}
"""Name and type of each, as Temporal's command line spells them: what a namespace must have."""


def at_start(request: SessionRequest) -> TypedSearchAttributes:
    """The attributes a session starts with, so that it can be found before its first task has run."""
    return TypedSearchAttributes(
        [SearchAttributePair(USER, request.user_name), SearchAttributePair(STATE, SessionState.STARTING)]
    )
