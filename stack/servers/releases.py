"""Official releases: download, hold the checksum, take the executable out."""

from __future__ import annotations

import hashlib
import http.client
import platform
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from errors import SetupError
from stack.progress import still_working
from stack.servers.cache import put_in_place, workshop

_CONNECT_SECONDS = 8
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
    with workshop(target) as folder:
        archive = folder / "release.tar.gz"
        with still_working(f"downloading {url}"):
            _download(url, archive)
        with archive.open("rb") as packed:
            actual = hashlib.file_digest(packed, "sha256").hexdigest()
        if actual != expected:
            raise SetupError(f"{url} has the SHA-256 {actual}, expected was {expected}; it was thrown away")
        put_in_place(_take_out(archive, release.member, folder), target)


def _download(url: str, file: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as answer, file.open("wb") as out:  # noqa: S310
            shutil.copyfileobj(answer, out, _CHUNK)
    except urllib.error.HTTPError as error:
        raise SetupError(f"{url} answered {error.code}") from error
    except urllib.error.URLError as error:
        raise SetupError(f"{url} cannot be reached ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise SetupError(f"{url} broke off ({error})") from error


def _take_out(archive: Path, member: str, folder: Path) -> Path:
    try:
        with tarfile.open(archive) as packed:
            source = packed.extractfile(member)
            if source is None:
                raise SetupError(f"the release's {member} is no file")
            with (folder / member).open("wb") as out:
                shutil.copyfileobj(source, out, _CHUNK)
    except (KeyError, tarfile.TarError) as error:
        raise SetupError(f"the release holds no {member} ({error})") from error
    return folder / member
