"""Draws what both systems do against the offered load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from lab.load.figures import Load, Step, p95

_PANELS: tuple[tuple[str, Callable[[Step], float | None]], ...] = (
    ("answered questions a minute", lambda step: step.goodput),
    ("reply, p95 (s)", lambda step: p95(step.replies)),
    ("first sound, p95 (s)", lambda step: p95(step.first_sounds)),
)


def draw(load: Load, path: Path) -> None:
    """Write an SVG file: answers a minute, replies and first sounds against the offered load."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "load", "font.size": 9}):
        figure = Figure(figsize=(11, 3.4), layout="constrained")
        for axes, (title, value) in zip(figure.subplots(1, len(_PANELS)), _PANELS, strict=True):
            for system in load.systems:
                steps = [step for step in load.of("offered") if step.system == system]
                points = [(step.size, y) for step in steps if (y := value(step)) is not None]
                axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=system)
            axes.set_title(title)
            axes.set_xlabel("offered, times of what the machine carries")
            axes.set_ylim(bottom=0)
            axes.grid(alpha=0.3)
        figure.axes[0].legend()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
