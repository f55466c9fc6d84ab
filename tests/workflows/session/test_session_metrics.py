"""A worker's metrics after a session has lived; board and alerts ask for nothing else."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import pytest_asyncio
import yaml
from livekit.agents.telemetry import metrics as of_livekit
from prometheus_client import REGISTRY, CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from activities.webhook_sender import WebhookSender
from connections.pinned_http import PinnedClient
from contracts import metric_names
from contracts.customer_webhooks import DeliveryRequest, WebhookEvent, WebhookType, delivery_id
from contracts.events import SessionEvent
from contracts.identities import new_session_id
from contracts.statuses import SessionStatus
from contracts.turns import Turn
from settings import TelemetrySettings, WebhookSettings
from telemetry.api_metrics import ApiMetrics
from telemetry.temporal_sdk import worker_runtime
from tests.fakes.activities import FakeActivities
from tests.fakes.reports import reports
from tests.fakes.webhook_receiver import SECRET, receiving
from tests.workflows.driver import Session
from worker import build_worker
from workflows.voice_session import VoiceSession
from workflows.webhooks.delivery import WebhookDelivery

pytestmark = pytest.mark.asyncio(loop_scope="session")

DEPLOY = Path(__file__).parents[3] / "deploy"
LABELS = {"service_name", "namespace", "task_queue", "workflow_type", "reason", "cause", "outcome", "le"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def read(port: int) -> list[Metric]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return list(text_string_to_metric_families(answer.read().decode()))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(time_skipping_apart: WorkflowEnvironment) -> AsyncIterator[list[Metric]]:
    """After one session: its first agent greeted 1.5 s after the caller had joined, and died; the next one served.

    The workflow's task that fails holds its server's clock for good.
    """
    port = free_port()
    client = await Client.connect(
        time_skipping_apart.client.service_client.config.target_host,
        data_converter=time_skipping_apart.client.data_converter,
        runtime=worker_runtime(TelemetrySettings(worker_metrics_port=port)),
    )
    fakes = FakeActivities(client)
    async with build_worker(client, fakes, "measured", fakes):
        session = Session(time_skipping_apart, fakes, "measured")
        await session.start()
        first = await session.agent()
        began_at_ms = await session.join() + 1500
        greeting = Turn(
            generation=1, sequence=1, role="agent", text="Hello.", at_ms=began_at_ms, began_at_ms=began_at_ms
        )
        for _ in range(2):  # a repeated report is no second greeting
            await session.handle.signal(VoiceSession.agent_reports, reports(greeting))
        await first.crash()
        await session.agent()
        await session.until(SessionStatus.ACTIVE)
        await session.end()
        await session.result()
        await tell_customers(client, fakes, port)
        await go_wrong(client, port)
        yield read(port)


async def tell_customers(client: Client, fakes: FakeActivities, port: int) -> None:
    """Of one event each: one takes it, one does not until it is given up, one wants no more."""
    async with receiving() as receiver:
        settings = WebhookSettings(allowed_targets=receiver.origin, signing_secrets=SecretStr(SECRET))
        sender = WebhookSender(settings, PinnedClient(total_seconds=0.3))
        for status in (204, 503, 410):
            receiver.always = status
            session_id = new_session_id(1_800_000_000)
            fakes.scene(session_id).webhooks = sender
            ended = SessionEvent(
                id=1, type="session.ended", at="2026-11-23T21:52:37.123Z", sessionId=session_id, data={}
            )
            delivery = await client.start_workflow(
                WebhookDelivery.run,
                DeliveryRequest(
                    session_id=session_id,
                    url=f"{receiver.origin}/hook",
                    silence_seconds=60,
                    first_retry_seconds=0.1,
                    give_up_seconds=60 if status == 204 else 0.5,
                ),
                id=delivery_id(session_id),
                task_queue="measured",
                start_signal="event",
                start_signal_args=[WebhookEvent(type=WebhookType.ENDED, event=ended)],
            )
            async with asyncio.timeout(10):
                await delivery.result()
            if status == 204:  # none has failed yet, and the figure that an alert looks at is there
                found = samples(read(port), f"{metric_names.WEBHOOKS}_total")
                assert found == {"delivered": 1, "given_up": 0, "gone": 0}


async def go_wrong(client: Client, port: int) -> None:
    """Some figures are there only once something has failed: a call, and a workflow's task."""
    unknown = await client.start_workflow("NoSuchWorkflow", id="unknown", task_queue="measured")
    with pytest.raises(RPCError):
        await client.get_workflow_handle("no such session").signal("end")
    async with asyncio.timeout(10):
        while "temporal_workflow_task_execution_failed" not in {family.name for family in read(port)}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the SDK tells nobody when it has counted
    await unknown.terminate()


def samples(families: list[Metric], name: str) -> dict[str, float]:
    """The samples of a name, by the one label that counts."""
    found = (sample for family in families for sample in family.samples if sample.name == name)
    labels = ("reason", "cause", "outcome")
    return {"".join(sample.labels.get(label, "") for label in labels): sample.value for sample in found}


async def test_an_end_a_loss_and_a_recovery_are_counted_once(served: list[Metric]) -> None:
    assert samples(served, f"{metric_names.ENDS}_total") == {"api_request": 1}
    assert samples(served, f"{metric_names.LOSSES}_total") == {"left": 1}
    assert samples(served, f"{metric_names.RECOVERY}_count") == {"": 1}
    assert samples(served, f"{metric_names.FIRST_READY}_count") == {"": 1}


async def test_the_first_sound_is_counted_from_the_callers_first_join(served: list[Metric]) -> None:
    assert samples(served, f"{metric_names.FIRST_SOUND}_count") == {"": 1}
    assert samples(served, f"{metric_names.FIRST_SOUND}_sum") == {"": 1.5}


async def test_outcomes_of_customer_webhooks_are_counted(served: list[Metric]) -> None:
    assert samples(served, f"{metric_names.WEBHOOKS}_total") == {"delivered": 1, "given_up": 1, "gone": 1}
    assert samples(served, f"{metric_names.WEBHOOK_LAG}_count") == {"": 1}
    assert samples(served, f"{metric_names.WEBHOOK_LAG}_sum")[""] < 60


async def test_buckets_are_ours(served: list[Metric]) -> None:
    for name, bounds in metric_names.BUCKETS.items():
        (family,) = (family for family in served if family.name == name)
        shown = [float(sample.labels["le"]) for sample in family.samples if sample.name == f"{name}_bucket"]
        assert shown == [*bounds, float("inf")]


async def test_no_label_names_a_session_or_a_user(served: list[Metric]) -> None:
    ours = [family for family in served if family.name.startswith("voice_")]
    assert len(ours) == 7
    assert {label for family in ours for sample in family.samples for label in sample.labels} <= LABELS


# The board and the alerts.


def expressions() -> Iterator[tuple[str, str]]:
    board = json.loads((DEPLOY / "grafana/voice-sessions.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def asked_for(expression: str) -> set[str]:
    names: set[str] = set()

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector) and node.name is not None:
            names.add(node.name)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return names


def exported(registry: CollectorRegistry) -> set[str]:
    """Every name that a registry can show; of a metric with labels also before its first sample."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {family.name + suffix for family in registry.collect() for suffix in suffixes.get(family.type, ("",))}


async def test_board_and_alerts_ask_for_figures_that_there_are(served: list[Metric]) -> None:
    assert of_livekit.RUNNING_JOB_GAUGE  # livekit-agents registers its own when it is imported
    there = {sample.name for family in served for sample in family.samples} | {"up"}
    there |= exported(ApiMetrics().registry) | exported(REGISTRY)
    asked = {title: asked_for(expression) for title, expression in expressions()}
    assert len(asked) > 15
    assert all(asked.values())
    assert {title: names - there for title, names in asked.items() if names - there} == {}


async def test_each_figure_of_ours_is_on_the_board() -> None:
    asked = {name for _, expression in expressions() for name in asked_for(expression)}
    ours = {name for name in exported(ApiMetrics().registry) if name.startswith("voice_")}
    families = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in ours}
    shown = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in asked}
    assert (
        families
        | {
            f"{metric_names.ENDS}_total",
            f"{metric_names.LOSSES}_total",
            f"{metric_names.WEBHOOKS}_total",
            *metric_names.BUCKETS,
        }
        <= shown
    )


async def test_the_scrape_example_can_bring_an_api_key() -> None:
    text = (DEPLOY / "prometheus/prometheus.yml").read_text()
    lines = re.sub(r"^    # (?=authorization:|  credentials_file:)", "    ", text, flags=re.MULTILINE)
    (api,) = (job for job in yaml.safe_load(lines)["scrape_configs"] if job["job_name"] == "voice-api")
    assert api["authorization"].keys() == {"credentials_file"}  # Prometheus sends it as a bearer token


async def test_jobs_of_the_scrape_example_are_those_that_the_board_knows() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert {job["job_name"] for job in config["scrape_configs"]} == {"voice-api", "voice-worker", "voice-agent"}
    assert config["rule_files"] == ["alerts.yml"]
