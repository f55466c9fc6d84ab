"""The key file, its changes, and the command that makes a key."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.auth.api_keys import KeyEntry, KeyFile, commands, new_key
from errors import SetupError
from tests.fakes.key_files import change, with_keys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


def test_each_key_opens_its_owners_sessions(path: Path) -> None:
    first, second, third = with_keys(path, "acme", "acme", "other.shop")
    keys = KeyFile(path)
    assert [keys.owner_of(key) for key in (first, second, third)] == ["acme", "acme", "other.shop"]
    for wrong in ("", "vao_", first[:-1], first + " ", first.upper(), hashlib.sha256(first.encode()).hexdigest(), "ü"):
        assert keys.owner_of(wrong) is None


def test_the_file_holds_no_key(path: Path) -> None:
    [key] = with_keys(path, "acme")
    assert key.startswith("vao_") and len(key) == 4 + 43
    assert key[4:] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_keys_are_added_and_removed_without_a_restart(path: Path) -> None:
    [old] = with_keys(path, "acme")
    keys = KeyFile(path)
    [new] = with_keys(path, "acme")
    assert (keys.owner_of(old), keys.owner_of(new)) == ("acme", "acme")
    change(path, 0, disabled=True)
    assert (keys.owner_of(old), keys.owner_of(new)) == (None, "acme")
    change(path, 1, expiresAt="2026-01-01T00:00:00Z")
    assert keys.owner_of(new) is None
    change(path, 1, expiresAt="2126-01-01T00:00:00Z")
    assert keys.owner_of(new) == "acme"


def test_a_replaced_file_is_read_again(path: Path, tmp_path: Path) -> None:
    [old] = with_keys(path, "acme")
    keys = KeyFile(path)
    other = tmp_path / "other.jsonl"
    [new] = with_keys(other, "acme")
    other.replace(path)
    assert (keys.owner_of(old), keys.owner_of(new)) == (None, "acme")


def test_previous_keys_stay_valid_while_the_file_is_unreadable(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    [key] = with_keys(path, "acme")
    keys = KeyFile(path)
    contents = path.read_text()
    path.write_text(contents + '{"id": "half')
    assert keys.owner_of(key) == "acme"
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "line 2" in record.getMessage()
    assert "The previous keys stay valid." in record.getMessage()
    path.unlink()
    assert keys.owner_of(key) == "acme"
    path.write_text("")
    assert keys.owner_of(key) is None


_GOOD = {"id": "key_1", "owner": "acme", "sha256": "0" * 64, "createdAt": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("contents", "text"),
    [
        (b"acme", "line 1 of .* is not a key: see JSON"),
        (b"[]", "line 1 of .* is not a key"),
        (b"\xff", "is not UTF-8"),
        (json.dumps({**_GOOD, "sha256": "0"}).encode(), "see sha256"),
        (json.dumps({**_GOOD, "owner": "a b"}).encode(), "see owner"),
        (json.dumps({**_GOOD, "owner": ""}).encode(), "see owner"),
        (json.dumps({**_GOOD, "disbaled": True}).encode(), "see disbaled"),
        (json.dumps({**_GOOD, "expiresAt": "2026-01-01T00:00:00"}).encode(), "see expiresAt"),
        (b"\n".join([json.dumps(_GOOD).encode()] * 2), "two keys of the same id"),
        (
            b"\n".join(json.dumps({**_GOOD, "id": f"key_{number}"}).encode() for number in (1, 2)),
            "two keys of the same sha256",
        ),
    ],
)
def test_bad_files(path: Path, contents: bytes, text: str) -> None:
    path.write_bytes(contents)
    with pytest.raises(SetupError, match=text) as caught:
        KeyFile(path)
    assert "0" * 64 not in str(caught.value)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all examples."""
    return tmp_path_factory.mktemp("keys") / "keys.jsonl"


def demand_keys_or_refusal(file: Path, contents: bytes) -> None:
    file.write_bytes(contents)
    try:
        keys = KeyFile(file)
    except SetupError:
        return
    assert keys.owner_of("vao_of nobody") is None


anything: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
)
dates = st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-23T15:21:20Z", "1e999"])


@given(
    line=st.fixed_dictionaries(
        {name: st.just(value) | dates | anything for name, value in _GOOD.items()},
        optional={"expiresAt": dates | anything, "disabled": st.booleans() | anything, "other": anything},
    )
)
def test_any_line_is_a_key_or_refused(file: Path, line: dict[str, Any]) -> None:
    demand_keys_or_refusal(file, json.dumps(line).encode())


@given(contents=st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode(errors="replace")))
def test_a_file_of_any_bytes_is_read_or_refused(file: Path, contents: bytes) -> None:
    demand_keys_or_refusal(file, contents)


def test_a_missing_file_is_reported_with_the_command(path: Path) -> None:
    with pytest.raises(SetupError, match=r"python -m api.auth.api_keys new <owner>"):
        KeyFile(path)


def run(*arguments: str) -> None:
    commands(arguments, standalone_mode=False)


def test_the_command(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("API_KEYS_FILE", str(path))
    path.write_text(json.dumps(_GOOD))  # without a final newline, as some editors write it
    run("new", "acme", "--days", "90")
    printed = capsys.readouterr()
    key = printed.out.removesuffix("\n")
    assert KeyFile(path).owner_of(key) == "acme"
    entry = KeyEntry.model_validate_json(path.read_text().splitlines()[1])
    assert entry.expiresAt is not None
    assert (entry.expiresAt - entry.createdAt).days == 90
    assert printed.err.startswith(f"{entry.id} of acme, until {entry.expiresAt:%Y-%m-%d}. ")
    assert key not in printed.err


@pytest.mark.parametrize("owner", ["", "two words", "-dash", "x" * 65, "o'brien", "*", "a\n"])
def test_the_command_refuses(path: Path, monkeypatch: pytest.MonkeyPatch, owner: str) -> None:
    monkeypatch.setenv("API_KEYS_FILE", str(path))
    with pytest.raises(SetupError, match="An owner has up to 64 letters"):
        run("new", "--", owner)
    assert not path.exists()


def test_the_command_needs_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="API_KEYS_FILE names no file"):
        run("new", "acme")
    with pytest.raises(SetupError, match="cannot be written"):
        new_key(path / "nowhere" / "keys.jsonl", "acme")
