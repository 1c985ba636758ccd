"""API keys as text."""

import hashlib
import hmac
import re
from typing import Any

import pytest

from accounts import keys, publicids


@pytest.mark.parametrize(("admin", "prefix"), [(False, "sk-lukhas-"), (True, "sk-admin-lukhas-")])
def test_a_new_key_is_its_prefix_and_at_least_160_random_bits_that_need_no_quoting(admin: bool, prefix: str) -> None:
    token = keys.generate(admin=admin)
    assert token.startswith(prefix)
    assert re.fullmatch(r"[A-Za-z0-9]{43}", token.removeprefix(prefix))
    hidden = len(token) - len(keys.shown_prefix(token)) - 4
    assert 62**hidden > 2**160  # even of what the lists never show


def test_keys_and_public_ids_do_not_repeat() -> None:
    assert len({keys.generate() for _ in range(1_000)}) == 1_000
    assert len({publicids.project_id() for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    ("make", "prefix"),
    [
        (publicids.user_id, "user-"),
        (publicids.organization_id, "org-"),
        (publicids.project_id, "proj_"),
        (publicids.service_account_id, "svc_acct_"),
        (publicids.key_id, "key_"),
    ],
)
def test_a_public_id_tells_its_kind_and_nothing_else(make: object, prefix: str) -> None:
    assert callable(make)
    assert re.fullmatch(rf"{prefix}[A-Za-z0-9]{{24}}", make())


def test_the_digest_is_a_sha256_keyed_by_something_derived_from_the_secret_key(settings: Any) -> None:
    settings.SECRET_KEY = "one"
    first = keys.digest("sk-lukhas-token")
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert first != hashlib.sha256(b"sk-lukhas-token").hexdigest()
    assert first != hmac.digest(b"one", b"sk-lukhas-token", "sha256").hex()
    assert first == keys.digest("sk-lukhas-token")
    settings.SECRET_KEY = "two"
    assert keys.digest("sk-lukhas-token") != first
    assert keys.digest("sk-lukhas-token", "one") == first


def test_a_token_may_be_stored_under_the_current_or_any_former_secret_key(settings: Any) -> None:
    settings.SECRET_KEY = "new"
    settings.SECRET_KEY_FALLBACKS = ["old", b"older"]
    assert keys.digests("token") == [keys.digest("token", name) for name in ("new", "old", "older")]


@pytest.mark.parametrize("token", ["", "é" * 8, "\ud800 lone", "\x00", "x" * 1_000_000])
def test_any_text_has_a_digest(token: str) -> None:
    assert len(keys.digest(token)) == 64


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("sk-abcdefghijklmnopqrstuvwxyz", "sk-ab***wxyz"),
        ("sk-abcdefghijklm", "sk-ab***jklm"),
        ("sk-abcdefghijkl", "***"),
        ("sk-short", "***"),
        ("", "***"),
    ],
)
def test_an_error_message_shows_five_and_four_characters_of_a_long_key_and_none_of_a_short_one(
    token: str, shown: str
) -> None:
    assert keys.masked(token) == shown
