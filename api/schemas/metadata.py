"""Validates the caller's `metadata`: any JSON object up to a size, returned unchanged and never interpreted."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

MAX_BYTES = 4_096
"""Of compact JSON in UTF-8. Every item of a list contains it."""
_MAX_DEPTH = 16


def _plain(metadata: dict[str, Any]) -> dict[str, Any]:
    """Refuse values that would not survive: `1e999` is read as infinity, a lone surrogate is not text."""
    if _is_deeper(metadata, _MAX_DEPTH):
        raise ValueError(f"must not be nested more than {_MAX_DEPTH} deep")
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError("contains characters that are not text") from None
    except ValueError:
        raise ValueError("contains a number that is too large") from None
    if size > MAX_BYTES:
        raise ValueError(f"must have at most {MAX_BYTES:,} bytes as JSON, not {size:,}")
    return metadata


def _is_deeper(value: Any, levels: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return parts is not None and (levels == 0 or any(_is_deeper(part, levels - 1) for part in parts))


Metadata = Annotated[
    dict[str, Any], AfterValidator(_plain), BeforeValidator(lambda value: {} if value is None else value)
]
"""Null means none, as for every optional field."""
