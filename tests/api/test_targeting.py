"""Who a rollout takes a caller for, and what its rules may ask of them."""

from typing import Any

import pytest

from accounts.roles import Role
from api import targeting
from api.exceptions import InvalidValue
from api.requests import EmbeddingRequest
from tests.api.rollouts import somebody

ALL = {"safety_identifier": "identified", "user": "used"}
PROJECT = {"project_id": "proj_1"}


def asked(
    body: dict[str, Any] | None = None, key: str = "", headers: dict[str, str] | None = None, **caller: Any
) -> Any:
    request = EmbeddingRequest(model="chat", inputs=(), body=body or {})
    return targeting.context(request, somebody(**{**PROJECT, **caller}), key, headers or {})


@pytest.mark.parametrize(
    ("key", "body", "owner", "who"),
    [
        ("told", ALL, "user-1", "told"),
        ("", ALL, "user-1", "identified"),
        ("", {"user": "used"}, "user-1", "used"),
        ("", {"safety_identifier": None, "user": "used"}, "user-1", "used"),
        ("", {"safety_identifier": "", "user": ""}, "user-1", "user-1"),
        ("", {"safety_identifier": 5, "user": ["a"]}, "user-1", "user-1"),
        ("", {}, "user-1", "user-1"),
        ("", {}, "", "proj_1"),
    ],
)
def test_the_first_that_is_there_is_who_the_caller_is(key: str, body: dict[str, Any], owner: str, who: str) -> None:
    assert asked(body, key, owner_id=owner)["targetingKey"] == who


def test_somebody_of_whom_nothing_is_known_is_nobody() -> None:
    assert "targetingKey" not in asked(owner_id="", project_id=None)


def test_rules_may_ask_for_project_key_role_model_and_sdk() -> None:
    headers = {"HTTP_X_STAINLESS_LANG": "python", "HTTP_X_STAINLESS_PACKAGE_VERSION": "3.1.0"}
    assert asked(headers=headers, role=Role.MEMBER) == {
        "targetingKey": "svc_acct_1",
        "project": "proj_1",
        "key_id": "key_1",
        "role": "member",
        "model": "chat",
        "sdk_language": "python",
        "sdk_version": "3.1.0",
    }


def test_what_is_not_known_is_not_there() -> None:
    assert asked(key_id="", role=None) == {"targetingKey": "svc_acct_1", "project": "proj_1", "model": "chat"}


@pytest.mark.parametrize(
    ("headers", "sdk"),
    [
        ({"HTTP_X_STAINLESS_LANG": "JS", "HTTP_USER_AGENT": "OpenAI/Python 1.2.3"}, ("js", None)),
        ({"HTTP_USER_AGENT": "OpenAI/Python 1.2.3"}, ("python", "1.2.3")),
        ({"HTTP_USER_AGENT": "AsyncOpenAI/Python 3.0.0b1 extra"}, ("python", "3.0.0b1")),
        ({"HTTP_USER_AGENT": "AsyncAzureOpenAI/JS 4.0.1"}, ("js", "4.0.1")),
        ({"HTTP_USER_AGENT": "OpenAI/Python"}, (None, None)),
        ({"HTTP_USER_AGENT": "my-app OpenAI/Python 1.2.3"}, (None, None)),
        ({"HTTP_USER_AGENT": "curl/8.5.0"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_the_sdk_is_told_by_its_own_headers_else_by_its_user_agent(
    headers: dict[str, str], sdk: tuple[str | None, str | None]
) -> None:
    found = asked(headers=headers)
    assert (found.get("sdk_language"), found.get("sdk_version")) == sdk


def test_no_text_is_longer_than_512_characters() -> None:
    long = "x" * 600
    headers = {"HTTP_X_STAINLESS_LANG": long, "HTTP_X_STAINLESS_PACKAGE_VERSION": long}
    found = asked({"user": long}, headers=headers)
    assert [len(found[name]) for name in ("targetingKey", "sdk_language", "sdk_version")] == [512, 512, 512]
    found = asked(headers={"HTTP_USER_AGENT": f"OpenAI/Python {long}"})
    assert len(found["sdk_version"]) == 512 - len("OpenAI/Python ")


def in_meta(key: str) -> dict[str, str]:
    """What a server makes of the bytes that a client sends for this text."""
    return {"HTTP_X_LUKHAS_TARGETING_KEY": key.encode().decode("latin-1")}


@pytest.mark.parametrize("key", ["ada", "ädä", "用户-7", "x" * 512, "ü" * 512])
def test_a_key_of_the_header_is_utf_8_as_in_the_body(key: str) -> None:
    assert targeting.presented(in_meta(key)) == key


@pytest.mark.parametrize("headers", [{}, in_meta(""), in_meta("  ")])
def test_an_empty_header_is_none(headers: dict[str, str]) -> None:
    assert targeting.presented(headers) == ""


@pytest.mark.parametrize("headers", [in_meta("x" * 513), in_meta("ü" * 513), {"HTTP_X_LUKHAS_TARGETING_KEY": "\xff"}])
def test_a_key_that_is_too_long_or_not_utf_8_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidValue, match="x-lukhas-targeting-key must be UTF-8 and at most 512 char"):
        targeting.presented(headers)
