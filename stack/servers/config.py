"""LiveKit's configuration file and the command line of Temporal's dev server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import yaml

from contracts import search_attributes
from settings import Settings


def livekit_yaml(settings: Settings, api_key: str, api_secret: str, webhooks_to: str = "") -> str:
    """LiveKit on loopback only; without the lists of interfaces and addresses it would listen on others too.

    Webhooks go to the API, or to the base URL `webhooks_to`.
    """
    stack = settings.stack
    webhooks_to = webhooks_to or f"http://127.0.0.1:{settings.api.port}"
    return yaml.safe_dump(
        {
            "port": stack.livekit_port,
            "bind_addresses": ["127.0.0.1"],
            "rtc": {
                "udp_port": stack.livekit_udp_port,
                "tcp_port": 0,
                "node_ip": "127.0.0.1",
                "use_external_ip": False,
                "enable_loopback_candidate": True,
                "interfaces": {"includes": ["lo"]},
                "ips": {"includes": ["127.0.0.1/32"]},
                # Without a list LiveKit sends its clients to public ones. Loopback needs none, so nothing listens
                # here; at LiveKit's own port browsers would take any packet for an answer.
                "stun_servers": ["127.0.0.1:9"],
            },
            # A token that is still valid must not open the room of an ended session again.
            "room": {"auto_create": False},
            "keys": {api_key: api_secret},
            "webhook": {"api_key": api_key, "urls": [f"{webhooks_to}/webhook/livekit"]},
            "logging": {"level": "info", "pion_level": "error"},
        },
        sort_keys=False,
    )


DYNAMIC_CONFIG: Final[Mapping[str, bool | int | str]] = {
    # Timers are rounded up to a second by default: too long for a caller who waits for the next agent.
    "history.timerProcessorMaxTimeShift": "10ms",
    # Without these a call that lost its agent waits behind every new one, and one owner's calls before another's.
    "matching.useNewMatcher": True,
    "matching.enableFairness": True,
    "matching.numTaskqueueReadPartitions": 1,
    "matching.numTaskqueueWritePartitions": 1,
    # Temporal would ask its vendor for newer versions.
    "frontend.enableServerVersionCheck": False,
}
"""Dynamic configuration of Temporal. deploy/temporal-dynamic-config.yaml has the same for servers of one's own."""


def temporal_command(binary: Path, settings: Settings, state_dir: Path) -> list[str]:
    """Temporal's dev server with its database in a file, and the search attributes of sessions."""
    stack = settings.stack
    command = [str(binary), "server", "start-dev", "--ip", "127.0.0.1"]
    command += ["--port", str(stack.temporal_port), "--ui-port", str(stack.temporal_ui_port)]
    command += ["--db-filename", str(state_dir / "temporal.db"), "--log-level", "warn"]
    # SQLite serves twice as many sessions a second with a write-ahead log.
    command += ["--sqlite-pragma", "journal_mode=WAL"]
    for name, value in DYNAMIC_CONFIG.items():
        command += ["--dynamic-config-value", f"{name}={json.dumps(value)}"]
    if settings.temporal.namespace != "default":
        command += ["--namespace", settings.temporal.namespace]
    if settings.codec_endpoint.token_in_path:
        command += ["--ui-codec-endpoint", _codec_endpoint(settings)]
    for name, kind in search_attributes.TYPES.items():
        command += ["--search-attribute", f"{name}={kind}"]
    return command


def _codec_endpoint(settings: Settings) -> str:
    """The codec endpoint for the UI's page, which appends `/decode`. Anybody who reaches the UI can read it (ADR 9)."""
    namespace, token = settings.temporal.namespace, settings.codec_endpoint.token.get_secret_value()
    return f"http://127.0.0.1:{settings.api.port}/codec/{quote(namespace, safe='')}/{quote(token, safe='')}"
