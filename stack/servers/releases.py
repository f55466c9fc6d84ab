"""Official releases: downloads an archive, checks its pinned SHA-256 and takes the executable out."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pooch

from errors import SetupError
from stack.progress import still_working
from stack.servers.cache import build_folder, put_in_place

_SILENT_SECONDS = 8
"""A host that cannot be reached must not hold up the Go build."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Release:
    """A `.tar.gz` for each platform with its pinned SHA-256, and the executable inside it."""

    url: str
    member: str
    sha256: Mapping[str, str]


def this_platform() -> str:
    """`linux_amd64` and the like, as releases name it."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(machine, machine) }"


def install(release: Release, target: Path) -> None:
    """Put the release's executable at `target`. Raises SetupError: no such platform, no network, wrong checksum."""
    expected = release.sha256.get(this_platform())
    if expected is None:
        raise SetupError(f"there is none for {this_platform()}")
    url = release.url.format(platform=this_platform())
    pooch.get_logger().setLevel(logging.WARNING)
    with build_folder(target) as folder, still_working(f"downloading {url}"):
        try:
            pooch.retrieve(
                url,
                f"sha256:{expected}",
                fname="release.tar.gz",
                path=folder,
                downloader=pooch.HTTPDownloader(timeout=_SILENT_SECONDS, chunk_size=_CHUNK),
                processor=pooch.Untar(members=[release.member], extract_dir="."),
            )
        except OSError as error:
            raise SetupError(f"{url} cannot be downloaded ({_cause(error)})") from error
        except ValueError as error:
            raise SetupError(f"{url}: {error}") from error
        executable = folder / release.member
        if not executable.is_file():
            raise SetupError(f"the release holds no {release.member}")
        put_in_place(executable, target)


def _cause(error: BaseException) -> BaseException:
    """The first error of the chain: the others only wrap it in longer texts."""
    return _cause(error.__context__) if error.__context__ else error
