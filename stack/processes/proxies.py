"""Routes parts of a stack through proxies that stand for a network that can break. For tests alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stack.processes.programs import Program


@dataclass(frozen=True)
class Proxies:
    """`temporal`: Temporal's address by the program that uses it. `webhooks`: a base URL in place of the API's."""

    temporal: Mapping[str, str] = field(default_factory=dict)
    webhooks: str = ""

    def apply(self, program: Program) -> Program:
        """`program` with the address of its proxy, if it has one."""
        address = self.temporal.get(program.name)
        if address is None:
            return program
        return replace(program, environment={**program.environment, "TEMPORAL_ADDRESS": address})


NO_PROXIES = Proxies()
