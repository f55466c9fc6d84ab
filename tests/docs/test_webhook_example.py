"""The example webhook in docs/API.md has the signature of its secret and body."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook

TEXT = (Path(__file__).parents[2] / "docs/API.md").read_text()


def test_example_webhook_is_signed_correctly() -> None:
    (secret,) = re.findall(r"`(whsec_[\w+/=]+)`", TEXT)
    headers = dict(re.findall(r"^(webhook-\w+): (.+)$", TEXT, flags=re.MULTILINE))
    (body,) = re.findall(r'^\{"type":"session\.active".*$', TEXT, flags=re.MULTILINE)
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert Webhook(secret).sign(headers["webhook-id"], moment, body) == headers["webhook-signature"]
