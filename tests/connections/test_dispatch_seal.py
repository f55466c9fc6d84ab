"""Task tokens are unsealed with the same secret only."""

from __future__ import annotations

import pytest

from connections.dispatch_seal import SealBroken, Sealer

TOKEN = bytes(range(256))


def test_round_trip() -> None:
    sealed = Sealer("secret").seal(TOKEN)
    assert Sealer("secret").unseal(sealed) == TOKEN
    assert sealed.isascii()
    assert sealed != Sealer("secret").seal(TOKEN)


def test_another_secret_does_not_unseal() -> None:
    with pytest.raises(SealBroken):
        Sealer("other").unseal(Sealer("secret").seal(TOKEN))


@pytest.mark.parametrize("place", [0, 9, 30, -20])
def test_a_changed_character_is_refused(place: int) -> None:
    sealed = list(Sealer("secret").seal(TOKEN))
    sealed[place] = "A" if sealed[place] != "A" else "B"
    with pytest.raises(SealBroken):
        Sealer("secret").unseal("".join(sealed))


@pytest.mark.parametrize("text", ["", "x", "é", "gAAAA"])
def test_text_that_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(SealBroken):
        Sealer("secret").unseal(text)
