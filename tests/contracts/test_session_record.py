"""Results of older and newer workers, while a deploy is under way."""

from __future__ import annotations

from contracts.session import SessionRecord, SessionSummary
from contracts.session_log import SessionLog
from contracts.statuses import EndReason

BILL = SessionSummary(
    session_id="s",
    end_reason=EndReason.API_REQUEST,
    duration_seconds=61,
    duration_minutes=2,
    generations=1,
    workflow_completed=True,
    agent_stopped=True,
    room_deleted=True,
)


def test_an_older_result_is_a_bill_without_a_log() -> None:
    record = SessionRecord.model_validate_json(BILL.model_dump_json())
    assert (record.duration_seconds, record.log) == (61, None)


def test_an_older_reader_finds_the_bill_in_a_record() -> None:
    record = SessionRecord(**dict(BILL), log=SessionLog(session_id="s"))
    assert SessionSummary.model_validate_json(record.model_dump_json()) == BILL
