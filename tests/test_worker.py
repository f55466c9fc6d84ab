"""The worker as it is composed, and what it demands of a namespace."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.interface import SessionActivities
from contracts import search_attributes
from errors import SetupError
from worker import build_worker, require_search_attributes

_KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


class FakeClient:
    """A namespace with some search attributes, or one that does not tell."""

    namespace = "calls"

    def __init__(self, *names: str, refusal: RPCStatusCode | None = None) -> None:
        self._names = names
        self._refusal = refusal
        self.operator_service = SimpleNamespace(list_search_attributes=self._list)

    async def _list(self, request: Any) -> ListSearchAttributesResponse:
        assert request.namespace == self.namespace
        if self._refusal is not None:
            raise RPCError("no", self._refusal, b"")
        return ListSearchAttributesResponse(custom_attributes=dict.fromkeys(self._names, _KEYWORD))


async def demand(client: FakeClient) -> None:
    await require_search_attributes(cast("Client", client))


async def test_a_namespace_with_every_search_attribute_will_do() -> None:
    await demand(FakeClient(*(key.name for key in search_attributes.ALL)))


async def test_what_is_missing_is_named_with_the_command_that_registers_it() -> None:
    with pytest.raises(SetupError) as refused:
        await demand(FakeClient("SessionUser", "SessionState"))
    assert str(refused.value).endswith(
        "temporal operator search-attribute create --namespace calls "
        "--name SessionEndReason --type Keyword --name SessionDurationSeconds --type Int "
        "--name SessionStartedAt --type Datetime --name SessionOwner --type Keyword"
    )


@pytest.mark.parametrize("status", [RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED])
async def test_a_cloud_that_does_not_tell_is_trusted(status: RPCStatusCode) -> None:
    await demand(FakeClient(refusal=status))


async def test_an_unreachable_temporal_is_not_taken_for_a_yes() -> None:
    with pytest.raises(RPCError):
        await demand(FakeClient(refusal=RPCStatusCode.UNAVAILABLE))


async def test_the_worker_serves_every_activity_of_the_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("worker.Worker", lambda *_, **options: given.update(options))
    build_worker(cast("Client", None), SessionActivities(), "a-queue")
    served = {served.__name__ for served in given["activities"]}
    assert served == {name for name in vars(SessionActivities) if not name.startswith("_")}
    assert given["task_queue"] == "a-queue"
