"""Detours: some programs are sent to a proxy that stands for a network that can break. For tests alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stack.processes.programs import Program


@dataclass(frozen=True)
class Detours:
    """`temporal`: Temporal's address for the program of that name. `webhooks`: a base URL in place of the API's."""

    temporal: Mapping[str, str] = field(default_factory=dict)
    webhooks: str = ""

    def of(self, program: Program) -> Program:
        """`program` with its detour, where it has one."""
        address = self.temporal.get(program.name)
        if address is None:
            return program
        return replace(program, environment={**program.environment, "TEMPORAL_ADDRESS": address})


STRAIGHT = Detours()
