"""`python -m console --help`."""

from __future__ import annotations

from console.commands import main

if __name__ == "__main__":
    main()
