"""Merges the logs of the parts: each new line, prefixed with the part's name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_COLOURS = (36, 35, 33, 32, 34, 31)  # ANSI: cyan, magenta, yellow, green, blue, red


class MergedLog:
    """Follows existing log files through rotation. `new_lines()` never blocks."""

    def __init__(self, files: Mapping[str, Path], *, coloured: bool) -> None:
        width = max(map(len, files))
        self._tails = [
            _Tail(file, _prefix(name, width, _COLOURS[i % len(_COLOURS)] if coloured else None))
            for i, (name, file) in enumerate(files.items())
        ]

    def new_lines(self) -> Iterator[str]:
        """Complete lines written since the last call, each prefixed."""
        for tail in self._tails:
            yield from tail.new_lines()


class _Tail:
    def __init__(self, file: Path, prefix: str) -> None:
        self._file = file
        self._prefix = prefix
        self._rest = b""
        self._open = file.open("rb")
        self._open.seek(0, os.SEEK_END)

    def new_lines(self) -> Iterator[str]:
        yield from self._read()
        if self._was_rotated():
            self._open.close()
            self._open = self._file.open("rb")
            yield from self._read()

    def _read(self) -> Iterator[str]:
        *lines, self._rest = (self._rest + self._open.read()).split(b"\n")
        for line in lines:
            yield self._prefix + line.decode(errors="replace").rstrip("\r")

    def _was_rotated(self) -> bool:
        try:
            return os.fstat(self._open.fileno()).st_ino != self._file.stat().st_ino
        except FileNotFoundError:  # between the two steps of a rotation
            return False


def _prefix(name: str, width: int, colour: int | None) -> str:
    text = f"{name:<{width}} |"
    return f"\x1b[{colour}m{text}\x1b[0m " if colour else f"{text} "
