"""Fetches the playground's one library, LiveKit's client, from npm into the repository: `make vendor`. Needs npm.

`scripts/vendor/package.json` pins the version, and the lock file beside it the checksum of every package.
The result is committed, so that users of the project need no npm.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
TARGET = SCRIPTS.parent / "api/playground/assets/vendor"
PACKAGE, FILE = "livekit-client", "livekit-client.umd.js"


def main() -> None:
    """Install into a temporary folder; copy the library and the licences of its bundled packages."""
    if shutil.which("npm") is None:
        sys.exit("npm is needed to fetch LiveKit's client library; Debian has it in the package npm.")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy2(SCRIPTS / "vendor" / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)  # noqa: S607
        modules = Path(folder) / "node_modules"
        TARGET.mkdir(exist_ok=True)
        library = (modules / PACKAGE / "dist" / FILE).read_bytes()
        (TARGET / FILE).write_bytes(library)
        (TARGET / "LICENSES.txt").write_text(_licences(modules))
        version = json.loads((modules / PACKAGE / "package.json").read_text())["version"]
        facts = {"package": PACKAGE, "version": version, "sha256": hashlib.sha256(library).hexdigest()}
        (TARGET / "version.json").write_text(f"{json.dumps(facts, indent=2)}\n")


def _licences(modules: Path) -> str:
    packages = sorted(json.loads((modules / ".package-lock.json").read_text())["packages"].items())
    parts = ["LiveKit's client library and the packages that are bundled in it.\n"]
    for place, facts in packages:
        name = place.removeprefix("node_modules/")
        texts = [file.read_text() for file in sorted((modules / name).glob("[Ll][Ii][Cc][Ee][Nn][SCsc][Ee]*"))]
        parts.append(f"{'=' * 80}\n{name} {facts['version']}: {facts.get('license', 'see below')}\n\n{''.join(texts)}")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
