"""Documented queries for Temporal's UI use registered names, and Temporal accepts them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus

from contracts import search_attributes
from contracts.statuses import EndReason, SessionStatus
from tests.docs.conftest import DOCUMENTS
from tests.workflows.dev_server import dev_server
from workflows.voice_session import VoiceSession
from workflows.webhooks.delivery import WebhookDelivery

_QUERY = re.compile(r"`((?:WorkflowType|Session[A-Z]\w+) (?:=|>|IN|BETWEEN) [^`]+)`")
QUERIES = sorted({query for document in DOCUMENTS for query in _QUERY.findall(document.read_text())})
_TERM = re.compile(r'(\w+) (?:=|>|<|IN|BETWEEN) (\([^)]*\)|"[^"]*" AND "[^"]*"|"[^"]*"|\d+)')
TEMPORAL_NAMES = {"WorkflowType", "ExecutionStatus"}
VALUES: dict[str, set[str]] = {
    "WorkflowType": {VoiceSession.__name__, WebhookDelivery.__name__},
    "ExecutionStatus": {status.name.title().replace("_", "") for status in WorkflowExecutionStatus},
    search_attributes.STATE.name: {*SessionStatus},
    search_attributes.END_REASON.name: {*EndReason},
}


def test_each_view_has_a_query() -> None:
    text = Path(__file__).parents[2].joinpath("docs/OPERATIONS.md").read_text()
    (table,) = re.findall(r"^\| view \| query \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = table.splitlines()
    assert len(rows) >= 9
    for row in rows:
        assert any(f"`{query}`" in row for query in QUERIES), row


@pytest.mark.parametrize("query", QUERIES)
def test_names_in_queries_are_registered(query: str) -> None:
    assert re.sub(r" AND ", "", _TERM.sub("", query)) == "", "the query has parts that this test does not parse"
    for name, wanted in _TERM.findall(query):
        assert name in TEMPORAL_NAMES | set(search_attributes.TYPES), name
        if name in VALUES:
            assert set(re.findall(r'"([^"]*)"', wanted)) <= VALUES[name], wanted


@pytest.mark.slow
async def test_temporal_accepts_each_query() -> None:
    async with dev_server() as env:
        for query in QUERIES:
            assert [found async for found in env.client.list_workflows(query)] == []
