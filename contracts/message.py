"""The base of all payloads."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Base of all payloads: immutable, and tolerant of fields that a newer writer added."""

    model_config = ConfigDict(frozen=True, extra="ignore")
