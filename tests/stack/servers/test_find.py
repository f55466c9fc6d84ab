"""Servers come from the first source that works; a download with a wrong checksum is refused."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from errors import SetupError
from settings import Settings, StackSettings
from stack.processes.ports import free_ports
from stack.servers import releases
from stack.servers.cache import exclusive
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
def release(tmp_path: Path) -> Iterator[Server]:
    """LiveKit with a release archive on a loopback server, checksum included."""
    folder = tmp_path / "releases"
    folder.mkdir()
    archive = folder / "livekit.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        content = b"released"
        member = tarfile.TarInfo("livekit-server")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content))
    sha256 = {releases.this_platform(): hashlib.sha256(archive.read_bytes()).hexdigest()}
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/livekit.tar.gz"
        yield replace(LIVEKIT, release=releases.Release(url, "livekit-server", sha256))
        server.shutdown()
        thread.join()


@pytest.fixture
def unreachable(release: Server) -> Server:
    (port,) = free_ports(1)
    return replace(release, release=replace(release.release, url=f"http://127.0.0.1:{port}/livekit.tar.gz"))


def kept_at(settings: StackSettings) -> Path:
    return settings.cache_dir / "servers" / f"livekit-{LIVEKIT.version}" / "livekit-server"


def test_setting_then_path_then_cache_then_release(
    tmp_path: Path, settings: StackSettings, release: Server, unreachable: Server
) -> None:
    assert resolve(release, settings) == kept_at(settings)
    assert kept_at(settings).read_text() == "released"
    assert kept_at(settings).stat().st_mode & 0o111
    executable(kept_at(settings), "cached")
    assert resolve(unreachable, settings).read_text() == "cached"
    on_path = executable(tmp_path / "bin" / "livekit-server")
    assert resolve(release, settings) == on_path
    named = executable(tmp_path / "mine")
    assert resolve(release, settings.model_copy(update={"livekit_binary": named})) == named


def test_go_build_follows_an_unreachable_download(tmp_path: Path, settings: StackSettings, unreachable: Server) -> None:
    executable(tmp_path / "bin" / "go", '#!/bin/sh\necho "$2" > "$GOBIN/server"\n')
    assert resolve(unreachable, settings).read_text() == "github.com/livekit/livekit-server/cmd/server@v1.13.5\n"


def test_wrong_checksum_is_refused_and_leaves_nothing(settings: StackSettings, release: Server) -> None:
    forged = replace(release, release=replace(release.release, sha256={releases.this_platform(): "0" * 64}))
    with pytest.raises(SetupError, match=r"hash of downloaded file .* does not match .* expected sha256:0000"):
        resolve(forged, settings)
    assert [file.name for file in kept_at(settings).parent.iterdir()] == [".livekit-server.lock"]


def test_error_names_every_source(settings: StackSettings, release: Server) -> None:
    missing = replace(release, release=replace(release.release, url=f"{release.release.url}.none"))
    with pytest.raises(SetupError) as failed:
        resolve(missing, settings)
    for source in ("STACK_LIVEKIT_BINARY: not set", "PATH: no", "cache: nothing", "404", "Go build: Go 1.21"):
        assert source in str(failed.value)


def test_error_for_an_unreachable_host_gives_its_cause(settings: StackSettings, unreachable: Server) -> None:
    with pytest.raises(SetupError, match=r"livekit.tar.gz cannot be downloaded \(.*Connection refused\)"):
        resolve(unreachable, settings)


def test_second_process_waits_and_finds_the_server_made(
    settings: StackSettings, unreachable: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = kept_at(settings)
    found: list[Path] = []
    with exclusive(kept, "LiveKit"):
        waiting = threading.Thread(target=lambda: found.append(resolve(unreachable, settings)))
        waiting.start()
        while "another process is fetching it; waiting" not in capsys.readouterr().out:
            time.sleep(0.01)
        executable(kept, "made")
    waiting.join(5)
    assert [path.read_text() for path in found] == ["made"]


def test_setting_that_names_no_executable_is_an_error(tmp_path: Path, settings: StackSettings) -> None:
    with pytest.raises(SetupError, match=r"STACK_LIVEKIT_BINARY is .*, which is not an executable file"):
        resolve(LIVEKIT, settings.model_copy(update={"livekit_binary": tmp_path / "nothing"}))
