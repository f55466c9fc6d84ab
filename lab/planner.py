"""Draws plans from a seed: the same seed gives the same choices again. Pure."""

from __future__ import annotations

import math
import random
import secrets
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def random_seed() -> int:
    """A random seed, short enough to type."""
    return secrets.randbelow(1_000_000)


def seeded(seed: int | str) -> random.Random:
    """The generator of a plan."""
    return random.Random(seed)  # noqa: S311  it hides nothing: it repeats


def weighted(rng: random.Random, weights: Mapping[T, int]) -> T:
    """One of `weights`' keys, each as likely as its weight."""
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def evenly(rng: random.Random, choices: Sequence[T], count: int) -> list[T]:
    """`count` choices in random order, each as often as the others, give or take one."""
    drawn = [choice for _ in range(0, count, len(choices)) for choice in rng.sample(choices, len(choices))]
    return drawn[:count]


def moments(rng: random.Random, every_seconds: float, until: float) -> list[float]:
    """Times before `until`, about `every_seconds` apart."""
    found: list[float] = []
    at = 0.0
    while (at := at + rng.uniform(0.5, 1.5) * every_seconds) < until:
        found.append(at)
    return found


def arrivals(a_second: float, until: float) -> list[float]:
    """Times before `until` at a fixed rate, from 0."""
    return [number / a_second for number in range(math.ceil(a_second * until))]
