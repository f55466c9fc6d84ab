"""Servers come from the first way that serves, and a wrong checksum never does."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from errors import SetupError
from settings import Settings, StackSettings
from stack.servers import releases
from stack.servers.find import LIVEKIT, Server, resolve


def executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackSettings:
    """An empty cache and a PATH with nothing on it."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Settings().stack.model_copy(update={"cache_home": tmp_path / "cache", "livekit_binary": None})


@pytest.fixture
def release(tmp_path: Path) -> Server:
    """LiveKit with a release archive on this disk, checksum and all."""
    archive = tmp_path / "livekit.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        content = b"released"
        member = tarfile.TarInfo("livekit-server")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content))
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    return replace(
        LIVEKIT,
        release=releases.Release(archive.as_uri(), "livekit-server", {releases.this_platform(): sha256}),
    )


def kept_at(settings: StackSettings) -> Path:
    return settings.cache_dir / "servers" / f"livekit-{LIVEKIT.version}" / "livekit-server"


def test_setting_then_path_then_cache_then_release(tmp_path: Path, settings: StackSettings, release: Server) -> None:
    assert resolve(release, settings) == kept_at(settings)
    assert kept_at(settings).read_text() == "released"
    executable(kept_at(settings), "cached")
    assert resolve(release, settings).read_text() == "cached"
    on_path = executable(tmp_path / "bin" / "livekit-server")
    assert resolve(release, settings) == on_path
    named = executable(tmp_path / "mine")
    assert resolve(release, settings.model_copy(update={"livekit_binary": named})) == named


def test_go_build_is_the_last_way(tmp_path: Path, settings: StackSettings, release: Server) -> None:
    go = '#!/bin/sh\necho "$2" > "$GOBIN/server"\n'
    executable(tmp_path / "bin" / "go", go)
    unreleased = replace(release, release=replace(release.release, sha256={}))
    assert resolve(unreleased, settings).read_text() == "github.com/livekit/livekit-server/cmd/server@v1.13.5\n"


def test_wrong_checksum_is_refused_and_leaves_nothing(settings: StackSettings, release: Server) -> None:
    forged = replace(release, release=replace(release.release, sha256={releases.this_platform(): "0" * 64}))
    with pytest.raises(SetupError, match=r"has the SHA-256 .* expected was 0000"):
        resolve(forged, settings)
    assert [file.name for file in kept_at(settings).parent.iterdir()] == [".livekit-server.lock"]


def test_error_names_every_way(settings: StackSettings, release: Server) -> None:
    missing = replace(release, release=replace(release.release, url="file:///nowhere.tar.gz"))
    with pytest.raises(SetupError) as failed:
        resolve(missing, settings)
    for way in ("STACK_LIVEKIT_BINARY: not set", "PATH: no", "cache: nothing", "official release:", "Go build: Go is"):
        assert way in str(failed.value)


def test_setting_that_names_no_executable_is_an_error(tmp_path: Path, settings: StackSettings) -> None:
    with pytest.raises(SetupError, match=r"STACK_LIVEKIT_BINARY is .*, which is no executable file"):
        resolve(LIVEKIT, settings.model_copy(update={"livekit_binary": tmp_path / "nothing"}))
