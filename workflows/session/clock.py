"""The workflow's own time, and spans of it in words."""

from __future__ import annotations

from temporalio import workflow


def now() -> float:
    """Seconds since 1970, the same in every replay."""
    return workflow.now().timestamp()


def since(moment: float) -> str:
    """The time since then, in words."""
    return span(now() - moment)


def span(seconds: float) -> str:
    """A span in words: `0.7 s`, `42 s`, `3 min 5 s`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
