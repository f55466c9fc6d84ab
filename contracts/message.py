"""The bases of everything that Temporal stores: messages between processes, and the state of a workflow."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Crosses a process boundary: immutable, and tolerant of fields that a newer writer added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class State(BaseModel):
    """Part of a workflow's state: changed in place, and handed on as it is when the workflow continues as new."""

    model_config = ConfigDict(extra="ignore")
