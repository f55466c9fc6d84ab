"""Finds the servers: setting, PATH, cache, official release, Go build; the first that works.

Both servers are looked for at the same time, since a build takes minutes. Downloads and builds are kept in a cache
outside the checkout, so that a fresh clone on the same machine starts at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from errors import SetupError
from settings import StackSettings
from stack.progress import report
from stack.servers import go_build, releases
from stack.servers.cache import exclusive


@dataclass(frozen=True)
class Server:
    """A server and its sources. `release` and `go` pin the version that this project is tested with."""

    name: str
    title: str
    command: str
    version: str
    setting: str
    release: releases.Release
    go: go_build.GoProgram


@dataclass(frozen=True)
class Servers:
    """The executables of the two servers; one that was not asked for has a path to nothing."""

    temporal: Path
    livekit: Path


# The newest versions whose modules `go install` takes: later ones have replace directives.
TEMPORAL = Server(
    name="temporal",
    title="Temporal",
    command="temporal",
    version="1.5.1",
    setting="STACK_TEMPORAL_BINARY",
    release=releases.Release(
        url="https://github.com/temporalio/cli/releases/download/v1.5.1/temporal_cli_1.5.1_{platform}.tar.gz",
        member="temporal",
        sha256={
            "linux_amd64": "ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d",
            "linux_arm64": "bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5",
            "darwin_amd64": "bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9",
            "darwin_arm64": "cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415",
        },
    ),
    go=go_build.GoProgram("github.com/temporalio/cli/cmd/temporal", "v1.5.1", "temporal"),
)
LIVEKIT = Server(
    name="livekit",
    title="LiveKit",
    command="livekit-server",
    version="1.13.5",
    setting="STACK_LIVEKIT_BINARY",
    release=releases.Release(
        url="https://github.com/livekit/livekit/releases/download/v1.13.5/livekit_1.13.5_{platform}.tar.gz",
        member="livekit-server",
        sha256={
            "linux_amd64": "c020fac437b7cc9b776eef1ad5ea8af77be9acfa07602eca20a3a44930dfbc70",
            "linux_arm64": "332015305518765fe05bad74fc3a9d9583e635e7dd130de3c4fc563d69c550f3",
        },
    ),
    go=go_build.GoProgram("github.com/livekit/livekit-server/cmd/server", "v1.13.5", "server"),
)
_NOT_WANTED = Path("/nonexistent")


def resolve_servers(settings: StackSettings, parts: Collection[str] = ("temporal", "livekit")) -> Servers:
    """The executables that these parts need. Raises SetupError that lists every source tried."""
    wanted = [server for server in (TEMPORAL, LIVEKIT) if server.name in parts]
    if not wanted:
        return Servers(_NOT_WANTED, _NOT_WANTED)
    with ThreadPoolExecutor(len(wanted)) as both:
        searches = {server.name: both.submit(resolve, server, settings) for server in wanted}
        try:
            wait(searches.values())
        except BaseException:
            go_build.cancel_all()
            raise
    errors = [str(error) for search in searches.values() if (error := search.exception())]
    if errors:
        raise SetupError("\n".join(errors))
    found = {name: search.result() for name, search in searches.items()}
    return Servers(found.get("temporal", _NOT_WANTED), found.get("livekit", _NOT_WANTED))


def resolve(server: Server, settings: StackSettings) -> Path:
    """One server's executable. Raises SetupError that lists each source tried, why it failed, and what to do."""
    explicit = explicit_binary(server.setting, getattr(settings, f"{server.name}_binary"))
    if explicit:
        return explicit
    if on_path := shutil.which(server.command):
        return Path(on_path)
    kept = settings.cache_dir / "servers" / f"{server.name}-{server.version}" / server.command
    return from_cache(
        kept,
        [
            ("official release", lambda: releases.install(server.release, kept)),
            ("Go build", lambda: go_build.install(server.go, kept, server.title)),
        ],
        title=f"{server.title} {server.version}",
        tried=[f"{server.setting}: not set", f"PATH: no `{server.command}`"],
        advice=f"Install `{server.command}` on PATH, or name it in {server.setting}, or install Go for the build.",
    )


def explicit_binary(setting: str, path: Path | None) -> Path | None:
    """The executable that a setting names; None if it is empty. Raises SetupError if it is not executable."""
    if path is None:
        return None
    full = path.expanduser().absolute()
    if not full.is_file() or not os.access(full, os.X_OK):
        raise SetupError(f"{setting} is {path}, which is not an executable file")
    return full


def from_cache(
    kept: Path, sources: Sequence[tuple[str, Callable[[], None]]], *, title: str, tried: list[str], advice: str
) -> Path:
    """`kept`; if it is missing, the first of `sources` that works installs it there, with a line for each.

    Raises SetupError that lists what was `tried`, before and here, and ends with `advice`.
    """
    if kept.exists():
        return kept
    with exclusive(kept, waiting_for=title):
        if kept.exists():
            return kept
        tried = [*tried, f"cache: nothing at {kept}"]
        for name, install in sources:
            report(f"  {title}: trying the {name}")
            try:
                install()
            except SetupError as error:
                report(f"  {title}: no {name}: {error}")
                tried.append(f"{name}: {error}")
            else:
                report(f"  {title}: {name} is in place")
                return kept
    listed = "\n".join(f"  - {line}" for line in tried)
    raise SetupError(f"{title} is needed and was not found:\n{listed}\n{advice}")
