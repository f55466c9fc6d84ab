"""Results of older and newer workers, while a deploy is under way."""

from __future__ import annotations

from contracts.session import SessionRecord, SessionSummary
from contracts.session_log import SessionLog
from tests.fakes.summaries import summary

BILL = summary()


def test_an_older_result_is_a_bill_without_a_log() -> None:
    record = SessionRecord.model_validate_json(BILL.model_dump_json())
    assert (record.duration_seconds, record.log) == (61, None)


def test_an_older_reader_finds_the_bill_in_a_record() -> None:
    record = SessionRecord(**dict(BILL), log=SessionLog(session_id="s"))
    assert SessionSummary.model_validate_json(record.model_dump_json()) == BILL
