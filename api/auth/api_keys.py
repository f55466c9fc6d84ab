"""Reads the file of hashed API keys, and makes keys: `python -m api.auth.api_keys new <owner>`.

A key has 256 random bits, so a plain SHA-256 is enough: slow hashes are for secrets that can be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from errors import SetupError
from settings import Settings

_log = logging.getLogger(__name__)

_PREFIX = "vao_"
"""Lets secret scanners find keys in repositories and logs."""
_NAMES = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

Owner = Annotated[str, Field(pattern=f"^{_NAMES}$")]
"""Readable in Temporal, as a search attribute: use a label of a customer or an app, not a person's name."""


class KeyEntry(BaseModel):
    """One line of the file, as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Owner
    owner: Owner
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    createdAt: AwareDatetime
    expiresAt: AwareDatetime | None = None
    disabled: bool = False

    def is_valid(self, now: datetime) -> bool:
        """True if it is neither disabled nor expired."""
        return not self.disabled and (self.expiresAt is None or now < self.expiresAt)


class KeyFile:
    """The valid keys. The file is read again when it changes, without a restart.

    Raises `SetupError` when it cannot be read at first. If that happens later, the previous keys stay valid, and the
    error is logged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser()
        self._stamp = self._look()
        self._entries = self._read()

    def owner_of(self, key: str) -> str | None:
        """The key's owner; None for an unknown, expired or disabled key, in constant time."""
        self._refresh()
        digest, now = _digest(key), datetime.now(UTC)
        owner = None
        for entry in self._entries:
            if hmac.compare_digest(entry.sha256, digest) and entry.is_valid(now):
                owner = entry.owner
        return owner

    def _refresh(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._entries = self._read()
        except SetupError as error:
            _log.error("%s The previous keys stay valid.", error)

    def _look(self) -> tuple[int, int, int] | None:
        """Changes with the file. Includes the inode, since mounted secrets are replaced and not rewritten."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> tuple[KeyEntry, ...]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise SetupError(
                f"API_KEYS_FILE: {self._path} cannot be read ({reason}). "
                "`python -m api.auth.api_keys new <owner>` makes it."
            ) from None
        entries = tuple(self._parse(number, line) for number, line in enumerate(lines, 1) if line.strip())
        for name in ("id", "sha256"):
            counts = Counter(getattr(entry, name) for entry in entries)
            if any(count > 1 for count in counts.values()):
                raise SetupError(f"API_KEYS_FILE: {self._path} has two keys of the same {name}.")
        now = datetime.now(UTC)
        _log.info(
            "%d API keys are valid, of %d in the file", sum(entry.is_valid(now) for entry in entries), len(entries)
        )
        return entries

    def _parse(self, number: int, line: str) -> KeyEntry:
        try:
            return KeyEntry.model_validate_json(line)
        except ValidationError as error:
            places = ", ".join(sorted({".".join(map(str, problem["loc"])) or "JSON" for problem in error.errors()}))
            raise SetupError(f"API_KEYS_FILE: line {number} of {self._path} is not a key: see {places}.") from None


def new_key(path: Path, owner: str, days: int | None = None) -> tuple[str, KeyEntry]:
    """Make a key for `owner`, and append its line to the file. Raises `SetupError`, `ValidationError`."""
    key = _PREFIX + secrets.token_urlsafe(32)
    now = datetime.now(UTC).replace(microsecond=0)
    entry = KeyEntry(
        id=f"key_{secrets.token_hex(4)}",
        owner=TypeAdapter(Owner).validate_python(owner),
        sha256=_digest(key),
        createdAt=now,
        expiresAt=None if days is None else now + timedelta(days=days),
    )
    try:
        before = path.read_bytes() if path.exists() else b""
        gap = "" if not before or before.endswith(b"\n") else "\n"
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(file, "a", encoding="utf-8") as lines:
            lines.write(f"{gap}{entry.model_dump_json()}\n")
    except OSError as error:
        raise SetupError(f"API_KEYS_FILE: {path} cannot be written ({error.strerror}).") from None
    return key, entry


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


commands = typer.Typer(help="Make API keys.", add_completion=False)


@commands.callback()
def _root() -> None:
    """Keeps `new` a subcommand."""


@commands.command()
def new(
    owner: Annotated[str, typer.Argument(help="owner of its sessions: letters, digits, dots, dashes; not a person")],
    days: Annotated[int | None, typer.Option(help="days until the key expires; never by default")] = None,
) -> None:
    """Make a key, print it once, and add its hash to API_KEYS_FILE."""
    path = Settings().api.keys_file
    if path is None:
        raise SetupError("API_KEYS_FILE names no file; set it to the one that the API is to read.")
    try:
        key, entry = new_key(path.expanduser(), owner, days)
    except ValidationError:
        raise SetupError("An owner has up to 64 letters, digits, dots and dashes, the first no dot or dash.") from None
    until = "" if entry.expiresAt is None else f", until {entry.expiresAt:%Y-%m-%d}"
    sys.stderr.write(f"{entry.id} of {entry.owner}{until}. This is the only time that the key is shown:\n")
    sys.stdout.write(f"{key}\n")


if __name__ == "__main__":
    try:
        commands()
    except SetupError as error:
        sys.exit(str(error))
