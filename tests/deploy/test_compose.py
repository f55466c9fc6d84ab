"""docker-compose.yml says nothing that the code does not know: commands, variables, defaults, ports, routes."""

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
from stack.servers.config import temporal_command

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "deploy/compose.env.example").read_text()
OF_COMPOSE_ALONE = {"API_ADDRESS"}
Services = dict[str, dict[str, Any]]


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
    said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert said.returncode == 0, said.stdout


@pytest.mark.skipif(not compose_plugin(), reason="needs docker's compose plugin, though no daemon")
def test_compose_itself_takes_the_file(filled_in: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in filled_in.items()))
    files = ["--file", str(ROOT / "docker-compose.yml"), "--env-file", str(tmp_path / "env")]
    command = ["docker", "compose", *files, "config", "--quiet"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert said.returncode == 0, said.stderr


def test_each_command_is_a_module_that_can_be_run(services: Services) -> None:
    commands = {name: service["command"] for name, service in ours(services).items()}
    assert {command[-1] for command in commands.values()} == {
        "api",
        "worker",
        "agent",
        "agent.speech.embedded.model_server",
    }
    for command in commands.values():
        python, flag, module = command
        assert (python, flag) == ("python", "-m")
        assert importlib.util.find_spec(f"{module}.__main__" if (ROOT / module).is_dir() else module)


def test_only_settings_are_set(services: Services) -> None:
    known = variables(Settings())
    for name, service in ours(services).items():
        assert service.get("environment", {}).keys() <= known.keys(), name


def test_what_the_api_and_webhooks_can_be_told_reaches_them(services: Services) -> None:
    left_out = {
        "API_HOST": "the image sets it",
        "API_PORT": "it is the published port; inside it stays",
        "API_START_TIMEOUT_SECONDS": "health and clients rely on it",
        "API_END_TIMEOUT_SECONDS": "stop_grace_period is above it",
    }
    settings = Settings()
    groups = (settings.api, settings.webhooks)
    named = {name for group in groups for name in variables_of(group)} | {"WEBHOOK_SECRET", "WEBHOOK_LEGACY_SIGNATURE"}
    passed = {name for part in ("api", "worker") for name in services[part]["environment"]}
    assert named - passed == left_out.keys()
    assert not named & services["agent"]["environment"].keys()


def test_the_api_is_published_on_loopback_until_it_is_told_otherwise(services: Services, compose_text: str) -> None:
    assert services["api"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "- ${API_ADDRESS:-127.0.0.1}:" in compose_text


def test_the_file_of_keys_is_in_a_volume_that_the_image_gives_to_its_user(services: Services) -> None:
    (mount,) = services["api"]["volumes"]
    _, folder = mount.split(":")
    (example,) = re.findall(r"^#API_KEYS_FILE=(.+)$", EXAMPLE, flags=re.MULTILINE)
    assert Path(example).parent == Path(folder)
    image = (ROOT / "Dockerfile").read_text()
    (user,) = re.findall(r"^USER (\d+)$", image, flags=re.MULTILINE)
    assert f"install --directory --owner {user} --mode 0700 {folder}\n" in image


def test_what_the_example_offers_is_passed_on(
    variables_of_compose: Callable[[str], dict[str, set[str]]],
) -> None:
    offered = set(re.findall(r"^#([A-Z_]+)=", EXAMPLE, flags=re.MULTILINE))
    assert {"API_KEYS_FILE", "TEMPORAL_CODEC_KEYS"} <= offered <= variables_of_compose("-").keys()


def test_defaults_are_those_of_the_settings(
    variables_of_compose: Callable[[str], dict[str, set[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = variables(Settings())
    for name, shown in variables_of_compose("-").items():
        if name in OF_COMPOSE_ALONE:
            continue
        (default,) = (text.replace("//language-model:", "//localhost:") for text in shown)
        assert bool(default) == bool(defaults[name]), name
        monkeypatch.setenv(name, default)
    assert variables(Settings()) == defaults


def test_example_lists_what_is_required(
    variables_of_compose: Callable[[str], dict[str, set[str]]], filled_in: dict[str, str]
) -> None:
    assert variables_of_compose("?").keys() == filled_in.keys()


def test_no_secret_stands_in_the_file(compose_text: str) -> None:
    for name in ("LIVEKIT_API_SECRET", "POSTGRES_PASSWORD", "POSTGRES_PWD"):
        assert all("${" in value for value in re.findall(rf"^ *{name}: *(.*)$", compose_text, flags=re.MULTILINE))


def test_images_are_pinned(services: Services) -> None:
    for service in services.values():
        assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)+[\w.-]*", service["image"]), service["image"]


def test_addresses_name_services_at_the_ports_they_serve(services: Services) -> None:
    settings = Settings()
    livekit = yaml.safe_load(services["livekit"]["environment"]["LIVEKIT_CONFIG"])
    serves = {
        "api": settings.api.port,
        "livekit": livekit["port"],
        "temporal": 7233,
        "agent": settings.agent.health_port,
        "language-model": settings.stack.llm_port,
    }
    for service in ours(services).values():
        for value in filter(None, service.get("environment", {}).values()):
            text = str(value)
            address = urlsplit(text if "://" in text else f"//{text}")
            if address.hostname in services:
                assert address.port == serves[address.hostname], text


def test_health_checks_ask_the_default_ports(services: Services) -> None:
    settings = Settings()
    checks = {name: service["healthcheck"] for name, service in ours(services).items() if "healthcheck" in service}
    asked = {name: urlsplit(check["test"][-1]).port for name, check in checks.items()}
    assert asked == {
        "api": settings.api.port,
        "agent": settings.agent.health_port,
        "language-model": settings.stack.llm_port,
    }


def test_livekit_makes_no_room_by_itself_and_reports_to_the_webhook(
    services: Services, filled_in: dict[str, str]
) -> None:
    config = yaml.safe_load(services["livekit"]["environment"]["LIVEKIT_CONFIG"])
    assert config["room"]["auto_create"] is False
    assert config["keys"] == {filled_in["LIVEKIT_API_KEY"]: filled_in["LIVEKIT_API_SECRET"]}
    assert config["webhook"]["api_key"] == filled_in["LIVEKIT_API_KEY"]
    (url,) = map(urlsplit, config["webhook"]["urls"])
    assert (url.hostname, url.port) == ("api", Settings().api.port)
    assert url.path in create_app(Settings(livekit=LiveKitSettings())).openapi()["paths"]


def test_livekits_ports_are_published_as_they_are_advertised(services: Services) -> None:
    config = yaml.safe_load(services["livekit"]["environment"]["LIVEKIT_CONFIG"])
    port, tcp, udp = config["port"], config["rtc"]["tcp_port"], config["rtc"]["udp_port"]
    assert services["livekit"]["ports"] == [f"{port}:{port}", f"{tcp}:{tcp}", f"{udp}:{udp}/udp"]


def test_search_attributes_are_those_of_the_workflow(services: Services) -> None:
    (script,) = services["search-attributes"]["command"]
    registered = dict(re.findall(r"--name (\w+) --type (\w+)", script))
    assert registered == search_attributes.TYPES


def test_temporals_timers_are_as_fine_as_in_the_local_stack(services: Services) -> None:
    (mount,) = services["temporal"]["volumes"]
    dynamic = yaml.safe_load((ROOT / mount.split(":")[0]).read_text())
    shown = {f'{name}="{entry["value"]}"' for name, (entry,) in dynamic.items()}
    assert shown <= set(temporal_command(Path("temporal"), Settings(), Path("state")))


def test_everything_that_stays_up_restarts(services: Services) -> None:
    restarts = {name: service["restart"] for name, service in services.items()}
    assert restarts.pop("search-attributes") == "on-failure"
    assert set(restarts.values()) == {"unless-stopped"}


def test_agent_is_stopped_after_its_drain(services: Services) -> None:
    grace = int(services["agent"]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().agent.drain_seconds + 15  # and the jobs that are left then take their leave


def test_api_is_stopped_after_its_own_patience(services: Services) -> None:
    grace = int(services["api"]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().api.end_timeout_seconds + 2  # what `api/__main__.py` waits for


def test_waits_are_for_health_checks_that_exist(services: Services) -> None:
    for service in services.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[name]
