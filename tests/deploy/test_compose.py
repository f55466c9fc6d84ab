"""docker-compose.yml agrees with the code: commands, settings and their defaults, search attributes, grace periods."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from api.app import create_app
from contracts import search_attributes
from settings import LiveKitSettings, Settings
from stack.env_vars import variables, variables_of
from stack.servers.config import DYNAMIC_CONFIG

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "deploy/compose.env.example").read_text()
OF_COMPOSE_ALONE = {"API_ADDRESS"}
Services = dict[str, dict[str, Any]]
Variables = Callable[[str], dict[str, set[str]]]


def ours(services: Services) -> Services:
    return {name: service for name, service in services.items() if "orchestrator" in service["image"]}


def compose_plugin() -> bool:
    if shutil.which("docker") is None:
        return False
    version = ["docker", "compose", "version"]
    return subprocess.run(version, capture_output=True, check=False).returncode == 0  # noqa: S603


def test_file_follows_the_compose_specification() -> None:
    checker = Path(sys.executable).parent / "check-jsonschema"
    command = [str(checker), "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert checked.returncode == 0, checked.stdout


@pytest.mark.skipif(not compose_plugin(), reason="needs docker's compose plugin, though no daemon")
def test_compose_accepts_the_file(filled_in: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in filled_in.items()))
    files = ["--file", str(ROOT / "docker-compose.yml"), "--env-file", str(tmp_path / "env")]
    command = ["docker", "compose", *files, "config", "--quiet"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert checked.returncode == 0, checked.stderr


def test_commands_are_modules(services: Services) -> None:
    for name, service in ours(services).items():
        python, flag, module = service["command"]
        assert (python, flag) == ("python", "-m"), name
        assert importlib.util.find_spec(f"{module}.__main__" if (ROOT / module).is_dir() else module), name


def test_services_set_only_known_settings(services: Services) -> None:
    known = variables(Settings())
    for name, service in ours(services).items():
        assert service.get("environment", {}).keys() <= known.keys(), name


def test_settings_of_the_api_and_webhooks_are_passed_on(services: Services) -> None:
    left_out = {
        "API_HOST": "the image sets it",
        "API_PORT": "it is the published port; the inner one is fixed",
        "API_START_TIMEOUT_SECONDS": "health and clients rely on it",
        "API_END_TIMEOUT_SECONDS": "stop_grace_period is above it",
    }
    settings = Settings()
    groups = (settings.api, settings.webhooks)
    named = {name for group in groups for name in variables_of(group)} | {"WEBHOOK_SECRET", "WEBHOOK_LEGACY_SIGNATURE"}
    passed = {name for part in ("api", "worker") for name in services[part]["environment"]}
    assert named - passed == left_out.keys()
    assert not named & services["agent"]["environment"].keys()


def test_defaults_are_those_of_the_settings(variables_of_compose: Variables, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = variables(Settings())
    for name, shown in variables_of_compose("-").items():
        if name in OF_COMPOSE_ALONE:
            continue
        (default,) = (re.sub("//(language-model|speech):", "//localhost:", text) for text in shown)
        assert bool(default) == bool(defaults[name]), name
        monkeypatch.setenv(name, default)
    assert variables(Settings()) == defaults


def test_example_lists_the_variables(variables_of_compose: Variables, filled_in: dict[str, str]) -> None:
    assert variables_of_compose("?").keys() == filled_in.keys()
    optional = set(re.findall(r"^#([A-Z_]+)=", EXAMPLE, flags=re.MULTILINE))
    assert {"API_KEYS_FILE", "TEMPORAL_CODEC_KEYS"} <= optional <= variables_of_compose("-").keys()


def test_api_is_published_on_loopback_by_default(services: Services, compose_text: str) -> None:
    assert services["api"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "- ${API_ADDRESS:-127.0.0.1}:" in compose_text


def test_file_of_keys_is_in_a_volume_of_the_images_user(services: Services) -> None:
    (mount,) = services["api"]["volumes"]
    _, folder = mount.split(":")
    (example,) = re.findall(r"^#API_KEYS_FILE=(.+)$", EXAMPLE, flags=re.MULTILINE)
    assert Path(example).parent == Path(folder)
    image = (ROOT / "Dockerfile").read_text()
    (user,) = re.findall(r"^USER (\d+)$", image, flags=re.MULTILINE)
    assert f"install --directory --owner {user} --mode 0700 {folder}\n" in image


def test_livekit_creates_no_rooms_and_reports_to_the_webhook(services: Services, filled_in: dict[str, str]) -> None:
    config = yaml.safe_load(services["livekit"]["environment"]["LIVEKIT_CONFIG"])
    assert config["room"]["auto_create"] is False
    assert config["keys"] == {filled_in["LIVEKIT_API_KEY"]: filled_in["LIVEKIT_API_SECRET"]}
    assert config["webhook"]["api_key"] == filled_in["LIVEKIT_API_KEY"]
    (url,) = map(urlsplit, config["webhook"]["urls"])
    assert (url.hostname, url.port) == ("api", Settings().api.port)
    assert url.path in create_app(Settings(livekit=LiveKitSettings())).openapi()["paths"]


def test_livekit_ports_are_published_as_advertised(services: Services) -> None:
    config = yaml.safe_load(services["livekit"]["environment"]["LIVEKIT_CONFIG"])
    port, tcp, udp = config["port"], config["rtc"]["tcp_port"], config["rtc"]["udp_port"]
    assert services["livekit"]["ports"] == [f"{port}:{port}", f"{tcp}:{tcp}", f"{udp}:{udp}/udp"]


def test_search_attributes_are_those_of_the_workflow(services: Services) -> None:
    (script,) = services["search-attributes"]["command"]
    registered = dict(re.findall(r"--name (\w+) --type (\w+)", script))
    assert registered == search_attributes.TYPES


def test_temporal_is_configured_as_in_the_local_stack(services: Services) -> None:
    (mount,) = services["temporal"]["volumes"]
    dynamic = yaml.safe_load((ROOT / mount.split(":")[0]).read_text())
    assert {name: entry["value"] for name, (entry,) in dynamic.items()} == DYNAMIC_CONFIG
    queues = {entry["constraints"]["taskQueueName"] for (entry,) in dynamic.values() if "constraints" in entry}
    assert queues == {Settings().temporal.agent_task_queue}


def test_grace_periods_cover_drain_and_end_timeout(services: Services) -> None:
    grace = {name: int(services[name]["stop_grace_period"].removesuffix("s")) for name in ("agent", "api")}
    assert grace["agent"] > Settings().agent.drain_seconds + 15  # the remaining jobs are handed over after the drain
    assert grace["api"] > Settings().api.end_timeout_seconds + 2  # `api/__main__.py` waits this long
