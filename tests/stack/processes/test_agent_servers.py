"""Several agent servers in one stack, on real servers: each registers and stops by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from settings import Settings
from stack.local_stack import LocalStack
from stack.processes import readiness
from stack.processes.orphans import marked
from stack.processes.programs import agent_health_url

pytestmark = pytest.mark.slow


def test_two_agent_servers_run_side_by_side(tmp_path: Path) -> None:
    given = Settings()
    settings = replace(
        given,
        stack=given.stack.model_copy(update={"agent_servers": 2}),
        agent=given.agent.model_copy(update={"idle_processes": 0}),
    )
    with LocalStack.isolated(tmp_path, settings, parts=("temporal", "livekit", "agent")) as stack:
        # Ready means registered with LiveKit, by each one's own log.
        first, second = psutil.Process(stack.pid("agent")), psutil.Process(stack.pid("agent_2"))
        urls = [agent_health_url(stack.settings.agent, index) for index in range(2)]
        assert urls[0] == stack.settings.agent.health_url
        assert [readiness.http(url) for url in urls] == [None, None]
        stack.stop_part("agent_2")
        assert not second.is_running()
        assert readiness.http(urls[1]) is not None
        assert readiness.http(urls[0]) is None
        stack.start_part("agent_2")
        assert stack.pid("agent") == first.pid
    assert marked(stack.state_dir) == []
    assert "outlived" not in (stack.log_path("agent").read_text() + stack.log_path("agent_2").read_text())
