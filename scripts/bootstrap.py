"""Bring `.venv` in line with `uv.lock`, getting uv where it is missing. Needs Python's standard library only.

It runs before anything is installed, so it cannot use settings.py; it reads no setting but the cache's place.
When `.venv` already matches, it does nothing: a second `make up` must start at once.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

UV_VERSION = "0.13.9"
RELEASE = "https://github.com/astral-sh/uv/releases/download/{version}/uv-{machine}-{system}.tar.gz"
SYSTEMS = {"Linux": "unknown-linux-musl", "Darwin": "apple-darwin"}
NETWORK_SECONDS = 15

CHECKOUT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "voice-assistant-orchestrator"
CACHED_UV = CACHE / f"uv-{UV_VERSION}" / "uv"
STAMP = CHECKOUT / ".venv" / ".synced"


class Unavailable(Exception):
    """One way to get uv did not work; the text says why."""


def say(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(*command: str) -> None:
    """Run a command; raises Unavailable with the end of what it wrote."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except subprocess.CalledProcessError as error:
        lines = (error.stdout + error.stderr).strip().splitlines()
        raise Unavailable(lines[-1] if lines else f"exit code {error.returncode}") from error


def keep(uv: Path) -> None:
    """Put the executable into the cache in one step; it needs nothing beside itself."""
    if not uv.is_file():
        raise Unavailable(f"it brought no {uv.name}")
    CACHED_UV.parent.mkdir(parents=True, exist_ok=True)
    draft = CACHED_UV.with_name(f"uv.{os.getpid()}")
    shutil.copy2(uv, draft)
    draft.chmod(0o755)
    draft.replace(CACHED_UV)


def by_venv(folder: Path) -> None:
    """A virtual environment of the system's Python; Debian has it in the package python3-venv."""
    run(sys.executable, "-m", "venv", str(folder / "venv"))
    run(str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}")
    keep(folder / "venv/bin/uv")


def by_pip(folder: Path) -> None:
    """The system's pip, into a folder of its own; Debian has it in the package python3-pip."""
    run(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), f"uv=={UV_VERSION}")
    keep(folder / "bin/uv")


def by_release(folder: Path) -> None:
    """uv's own release, held to the checksum that is published beside it."""
    system = SYSTEMS.get(platform.system())
    if system is None:
        raise Unavailable(f"no release for {platform.system()}")
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    url = RELEASE.format(version=UV_VERSION, machine=machine, system=system)
    try:
        packed = download(url)
        expected = download(f"{url}.sha256").split()[0].decode()
    except OSError as error:
        raise Unavailable(f"{url}: {error}") from error
    if hashlib.sha256(packed).hexdigest() != expected:
        raise Unavailable(f"{url} does not have its published SHA-256")
    archive = folder / "uv.tar.gz"
    archive.write_bytes(packed)
    with tarfile.open(archive) as unpacked:
        member = next((m for m in unpacked.getmembers() if Path(m.name).name == "uv"), None)
        source = unpacked.extractfile(member) if member else None
        if source is None:
            raise Unavailable("the release holds no uv")
        (folder / "uv").write_bytes(source.read())
    keep(folder / "uv")


def download(url: str) -> bytes:
    """The bytes behind `url`; raises OSError."""
    with urllib.request.urlopen(url, timeout=NETWORK_SECONDS) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


def find_uv() -> str:
    """uv from PATH or the cache, or fetched into the cache. Exits with every way that failed."""
    found = shutil.which("uv") or (str(CACHED_UV) if CACHED_UV.exists() else None)
    if found:
        return found
    tried = ["PATH: no `uv`", f"cache: nothing at {CACHED_UV}"]
    ways = {"python3 -m venv and pip": by_venv, "python3 -m pip": by_pip, "uv's release": by_release}
    for way, get in ways.items():
        say(f"Getting uv {UV_VERSION} by {way}")
        try:
            with tempfile.TemporaryDirectory() as folder:
                get(Path(folder))
        except Unavailable as reason:
            tried.append(f"{way}: {reason}")
        else:
            return str(CACHED_UV)
    sys.exit(
        "uv is needed to install the locked dependencies and could not be had:\n"
        + "\n".join(f"  - {line}" for line in tried)
        + "\nInstall uv (docs.astral.sh/uv), or Debian's python3-venv or python3-pip, and run it again."
    )


def wanted_state() -> str:
    """What `.venv` is made from, as one text; a `.venv` that was made from the same is left alone."""
    inputs = b"".join((CHECKOUT / name).read_bytes() for name in ("uv.lock", "pyproject.toml"))
    return hashlib.sha256(inputs).hexdigest()


def main() -> None:
    """Sync `.venv` when it does not match the lock file."""
    wanted = wanted_state()
    if STAMP.exists() and STAMP.read_text() == wanted and (CHECKOUT / ".venv/bin/python").exists():
        return
    uv = find_uv()
    say("Installing the locked dependencies into .venv")
    # The system's own Python where one fits; uv fetches one only where none does.
    environment = {**os.environ, "UV_PYTHON_PREFERENCE": os.environ.get("UV_PYTHON_PREFERENCE") or "system"}
    synced = subprocess.run([uv, "sync", "--locked"], cwd=CHECKOUT, env=environment, check=False)  # noqa: S603
    if synced.returncode != 0:
        sys.exit("`uv sync --locked` failed; the lines above say why.")
    STAMP.write_text(wanted)


if __name__ == "__main__":
    main()
