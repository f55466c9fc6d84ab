"""The report of a load test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from lab.load.load_page import as_json, line, markdown, print_load
from lab.load.picture import draw
from tests.fakes.load_calls import load_of


def rows(page: str, start: str) -> list[str]:
    return [row for row in page.splitlines() if row.startswith(f"| {start}")]


def test_each_step_has_a_row_for_each_system() -> None:
    page = markdown(load_of(), "images/load.svg")
    ours, plain = (row for row in rows(page, "2x |") if "| ours |" in row or "| plain |" in row)
    heard = "1 | 0.50 s | 0.50 s"
    assert ours == f"| 2x | ours | 2 | 1 | 0.10 s | {heard} | 1.20 s | 1.20 s | 1.20x | 1/1 | 2.0 | 0 | 0 | 0 | 0.5 s |"
    assert plain == f"| 2x | plain | 2 | 0 | - | {heard} | 4.00 s | 4.00 s | 4.00x | 1/2 | 2.0 | - | - | 1 | 0.5 s |"


def test_goals_and_ratios_are_shown() -> None:
    page = markdown(load_of(), "images/load.svg")
    assert "| calls at normal latency, over the plain worker's | >= 1x | 0.80 | no |" in page
    assert "| 2x: replies of those admitted, p95 over idle | <= 1.5x | 1.20 | yes |" in page
    assert "| 2x: seconds until a refusal, p95 | <= 0.5 s | 0.10 | yes |" in page
    assert "| 4 hogs: agents declared dead | <= 0 | 1.00 | no |" in page
    assert "| 2x | 1.00x | 1.00x | 1.00x | 0.30x | 0.30x |" in page


def test_the_page_names_its_command_and_its_picture() -> None:
    page = markdown(load_of(), "images/load.svg")
    assert "`python -m lab.load` on 2026-11-28" in page
    assert "](images/load.svg)" in page
    assert page.endswith("None.\n")


def test_a_run_without_a_peer_has_a_page() -> None:
    load = load_of()
    alone = replace(load, steps=[step for step in load.steps if step.system == "ours"], capacities={"ours": 8})
    page = markdown(alone, "images/load.svg")
    assert "plain worker's" not in page
    assert len(rows(page, "2x |")) == 1


def test_what_is_wrong_is_listed() -> None:
    load = load_of()
    spoilt = replace(load, steps=[replace(load.steps[0], wrong=["session_1 has no bill"]), *load.steps[1:]])
    assert spoilt.wrong == ["session_1 has no bill"]
    assert "- session_1 has no bill" in markdown(spoilt, "images/load.svg")
    console = Console(width=200)
    with console.capture() as shown:
        print_load(spoilt, console)
    assert "wrong: session_1 has no bill" in shown.get()


def test_a_finished_step_is_one_line() -> None:
    assert line(load_of().steps[4]) == (
        "ours, 2x: 1 of 1 questions of 2 callers answered, 1 refused; first sound 0.50 s, reply 1.20 s, p95 1.20 s"
    )


def test_all_figures_and_calls_are_written_as_json() -> None:
    document = json.loads(json.dumps(as_json(load_of())))
    assert document["capacities"] == {"ours": 8, "plain": 10}
    assert document["steps"][2]["reply_p95"] == 1.2
    assert document["steps"][2]["calls"][0]["replies"] == [1.2]


def test_the_picture_has_a_line_for_each_system(tmp_path: Path) -> None:
    draw(load_of(), tmp_path / "images" / "load.svg")
    drawn = (tmp_path / "images" / "load.svg").read_text()
    assert "<svg" in drawn
    for text in ("ours", "plain", "answered questions a minute", "first sound, p95 (s)"):
        assert f">{text}<" in drawn
