"""The worker's composition, and its check of the namespace's search attributes."""

from __future__ import annotations

from typing import Any, cast

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest, ListSearchAttributesResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.interface import SessionActivities, SlotActivities
from contracts import search_attributes
from errors import SetupError
from worker import build_worker, require_search_attributes

_KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


class FakeClient:
    """A namespace with these search attributes, or one whose attributes cannot be listed."""

    namespace = "calls"

    def __init__(self, *names: str, refusal: RPCStatusCode | None = None) -> None:
        self._names = names
        self._refusal = refusal

    @property
    def operator_service(self) -> FakeClient:
        return self

    async def list_search_attributes(self, request: ListSearchAttributesRequest) -> ListSearchAttributesResponse:
        assert request.namespace == self.namespace
        if self._refusal is not None:
            raise RPCError("no", self._refusal, b"")
        return ListSearchAttributesResponse(custom_attributes=dict.fromkeys(self._names, _KEYWORD))


async def check(client: FakeClient) -> None:
    await require_search_attributes(cast("Client", client))


async def test_namespace_with_every_search_attribute_is_accepted() -> None:
    await check(FakeClient(*(key.name for key in search_attributes.ALL)))


async def test_missing_search_attributes_are_named_with_the_command() -> None:
    with pytest.raises(SetupError) as refused:
        await check(FakeClient("SessionUser", "SessionState"))
    assert str(refused.value).endswith(
        "temporal operator search-attribute create --namespace calls "
        "--name SessionEndReason --type Keyword --name SessionDurationSeconds --type Int "
        "--name SessionStartedAt --type Datetime --name SessionOwner --type Keyword"
    )


@pytest.mark.parametrize("status", [RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED])
async def test_namespace_that_cannot_be_checked_is_accepted(status: RPCStatusCode) -> None:
    await check(FakeClient(refusal=status))


async def test_unreachable_temporal_is_an_error() -> None:
    with pytest.raises(RPCError):
        await check(FakeClient(refusal=RPCStatusCode.UNAVAILABLE))


async def test_worker_serves_every_activity(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("worker.Worker", lambda *_, **options: given.update(options))
    build_worker(cast("Client", None), SessionActivities(), "a-queue")
    served = {served.__name__ for served in given["activities"]}
    interfaces = vars(SessionActivities).keys() | vars(SlotActivities).keys()
    assert served == {name for name in interfaces if not name.startswith("_")}
    assert given["task_queue"] == "a-queue"
