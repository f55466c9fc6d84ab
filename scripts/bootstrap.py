"""Syncs `.venv` with `uv.lock`, and gets uv if it is missing. Needs Python's standard library only.

It runs before anything is installed, so it cannot use settings.py; the cache folder is the only setting it reads.
It does nothing when `.venv` already matches: a second `make up` must start at once.
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
    """One source of uv failed; the text says why."""


def report(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(*command: str) -> None:
    """Run a command. Raises Unavailable with its last line of output."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except subprocess.CalledProcessError as error:
        lines = (error.stdout + error.stderr).strip().splitlines()
        raise Unavailable(lines[-1] if lines else f"exit code {error.returncode}") from error


def keep(uv: Path) -> None:
    """Put the executable into the cache in one step."""
    if not uv.is_file():
        raise Unavailable(f"it contains no {uv.name}")
    CACHED_UV.parent.mkdir(parents=True, exist_ok=True)
    draft = CACHED_UV.with_name(f"uv.{os.getpid()}")
    shutil.copy2(uv, draft)
    draft.chmod(0o755)
    draft.replace(CACHED_UV)


def by_venv(folder: Path) -> None:
    """Install uv into a virtual environment of the system's Python (Debian: python3-venv)."""
    run(sys.executable, "-m", "venv", str(folder / "venv"))
    run(str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}")
    keep(folder / "venv/bin/uv")


def by_pip(folder: Path) -> None:
    """Install uv with the system's pip into its own folder (Debian: python3-pip)."""
    run(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), f"uv=={UV_VERSION}")
    keep(folder / "bin/uv")


def by_release(folder: Path) -> None:
    """Download uv's release and verify its published checksum."""
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
            raise Unavailable("the release contains no uv")
        (folder / "uv").write_bytes(source.read())
    keep(folder / "uv")


def download(url: str) -> bytes:
    """The bytes at `url`. Raises OSError."""
    with urllib.request.urlopen(url, timeout=NETWORK_SECONDS) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


def find_uv() -> str:
    """uv from PATH or the cache, or downloaded into it. Exits with the list of failed sources."""
    found = shutil.which("uv") or (str(CACHED_UV) if CACHED_UV.exists() else None)
    if found:
        return found
    tried = ["PATH: no `uv`", f"cache: nothing at {CACHED_UV}"]
    sources = {"python3 -m venv and pip": by_venv, "python3 -m pip": by_pip, "uv's release": by_release}
    for name, get in sources.items():
        report(f"Getting uv {UV_VERSION} with {name}")
        try:
            with tempfile.TemporaryDirectory() as folder:
                get(Path(folder))
        except Unavailable as reason:
            tried.append(f"{name}: {reason}")
        else:
            return str(CACHED_UV)
    sys.exit(
        "uv is needed to install the locked dependencies and was not found:\n"
        + "\n".join(f"  - {line}" for line in tried)
        + "\nInstall uv (docs.astral.sh/uv), or Debian's python3-venv or python3-pip, and run it again."
    )


def wanted_state() -> str:
    """A hash of all inputs of `.venv`."""
    inputs = b"".join((CHECKOUT / name).read_bytes() for name in ("uv.lock", "pyproject.toml"))
    return hashlib.sha256(inputs).hexdigest()


def main() -> None:
    """Sync `.venv` if it does not match the lock file."""
    wanted = wanted_state()
    if STAMP.exists() and STAMP.read_text() == wanted and (CHECKOUT / ".venv/bin/python").exists():
        return
    uv = find_uv()
    report("Installing the locked dependencies into .venv")
    # Prefer the system's Python; uv downloads one only if none fits.
    environment = {**os.environ, "UV_PYTHON_PREFERENCE": os.environ.get("UV_PYTHON_PREFERENCE") or "system"}
    synced = subprocess.run([uv, "sync", "--locked"], cwd=CHECKOUT, env=environment, check=False)  # noqa: S603
    if synced.returncode != 0:
        sys.exit("`uv sync --locked` failed; the lines above say why.")
    STAMP.write_text(wanted)


if __name__ == "__main__":
    main()
