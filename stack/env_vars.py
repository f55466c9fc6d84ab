"""Turns settings into environment variables for the processes that a stack starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from settings import Settings


def variables(settings: Settings) -> dict[str, str]:
    """Every variable of `settings` with its value as text, secrets in the clear; unset paths are empty."""
    return {name: value for group in _groups(settings) for name, value in variables_of(group).items()}


def variables_of(group: BaseSettings) -> dict[str, str]:
    """The same for one group."""
    return {
        _variable(group, name, info): _text(getattr(group, name)) for name, info in type(group).model_fields.items()
    }


def _groups(settings: Settings) -> Iterator[BaseSettings]:
    for group in fields(settings):
        yield getattr(settings, group.name)


def _variable(group: BaseSettings, name: str, info: FieldInfo) -> str:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    if isinstance(alias, str):
        return alias
    return f"{group.model_config.get('env_prefix', '')}{name}".upper()


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case SecretStr():
            return value.get_secret_value()
        case _:
            return str(value)
