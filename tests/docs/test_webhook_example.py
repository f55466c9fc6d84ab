"""The webhook that docs/API.md shows is signed as it says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook

TEXT = (Path(__file__).parents[2] / "docs/API.md").read_text()


def test_the_signature_is_that_of_the_secret_and_the_body() -> None:
    (secret,) = re.findall(r"`(whsec_[\w+/=]+)`", TEXT)
    headers = dict(re.findall(r"^(webhook-\w+): (.+)$", TEXT, flags=re.MULTILINE))
    (body,) = re.findall(r'^\{"type":"session\.active".*$', TEXT, flags=re.MULTILINE)
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert Webhook(secret).sign(headers["webhook-id"], moment, body) == headers["webhook-signature"]
