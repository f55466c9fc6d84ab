"""Merges the logs of the parts: each new line, prefixed with the part's name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

_COLOURS = (36, 35, 33, 32, 34, 31)  # ANSI: cyan, magenta, yellow, green, blue, red


class MergedLog:
    """Follows several log files through rotation. `new_lines()` never blocks."""

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
        self._open = _opened(file)
        if self._open:
            self._open.seek(0, os.SEEK_END)

    def new_lines(self) -> Iterator[str]:
        yield from self._read()
        if self._was_rotated():
            if self._open:
                self._open.close()
            self._open = _opened(self._file)
            yield from self._read()

    def _read(self) -> Iterator[str]:
        if self._open is None:
            return
        *lines, self._rest = (self._rest + self._open.read()).split(b"\n")
        for line in lines:
            yield self._prefix + line.decode(errors="replace").rstrip("\r")

    def _was_rotated(self) -> bool:
        try:
            current = self._file.stat()
        except FileNotFoundError:
            return False
        return self._open is None or os.fstat(self._open.fileno()).st_ino != current.st_ino


def _opened(file: Path) -> BinaryIO | None:
    return file.open("rb") if file.exists() else None


def _prefix(name: str, width: int, colour: int | None) -> str:
    text = f"{name:<{width}} |"
    return f"\x1b[{colour}m{text}\x1b[0m " if colour else f"{text} "
