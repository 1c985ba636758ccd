"""What `manage.py check` says about who is let in."""

import logging
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.management import CommandError, call_command


def ids() -> list[str]:
    return [str(message.id) for message in run_checks() if str(message.id).startswith("accounts.")]


@pytest.mark.parametrize(
    ("debug", "mode", "expected"),
    [
        (False, "strict", []),
        (True, "strict", []),
        (True, "permissive", ["accounts.W001"]),
        (False, "permissive", ["accounts.E001"]),
        (True, "open", ["accounts.E002"]),
        (False, "", ["accounts.E002"]),
    ],
)
def test_the_policy_mode_is_checked(settings: Any, debug: bool, mode: str, expected: list[str]) -> None:
    settings.DEBUG, settings.LUKHAS_POLICY_MODE = debug, mode
    assert ids() == expected


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("acme", []),
        ("Acme_2-b", []),
        ("", ["accounts.E003"]),
        ("two words", ["accounts.E003"]),
        ("zürich", ["accounts.E003"]),
        ("x\n", ["accounts.E003"]),
        ("x" * 51, ["accounts.E003"]),
    ],
)
def test_the_organisation_must_be_able_to_be_a_slug_and_a_header(settings: Any, slug: str, expected: list[str]) -> None:
    settings.LUKHAS_ORGANIZATION = slug
    assert ids() == expected


@pytest.mark.parametrize(
    ("url", "days", "expected"),
    [
        ("https://llm.example.com", 1, []),
        ("http://127.0.0.1:8000/", 7, []),
        ("llm.example.com", 7, ["accounts.E006"]),
        ("https://llm.example.com/api", 7, ["accounts.E006"]),
        ("https://llm.example.com?x", 7, ["accounts.E006"]),
        ("https://ann@llm.example.com", 7, ["accounts.E006"]),
        ("javascript:alert(1)", 7, ["accounts.E006"]),
        ("", 0, ["accounts.E006", "accounts.E007"]),
        ("https://llm.example.com", -1, ["accounts.E007"]),
    ],
)
def test_links_of_invites_must_lead_here_and_work_for_a_time(
    settings: Any, url: str, days: int, expected: list[str]
) -> None:
    settings.LUKHAS_PUBLIC_URL, settings.LUKHAS_INVITE_DAYS = url, days
    assert ids() == expected


def test_every_finding_comes_with_a_hint(settings: Any) -> None:
    settings.LUKHAS_ORGANIZATION = "two words"
    settings.LUKHAS_PUBLIC_URL, settings.LUKHAS_INVITE_DAYS = "", 0
    settings.LUKHAS_POLICY_MODE = "permissive"
    for debug in (True, False):
        settings.DEBUG = debug
        found = [message for message in run_checks() if str(message.id).startswith("accounts.")]
        assert len(found) == 4
        assert all(message.hint for message in found)


def test_permissive_mode_without_debug_fails_the_check(settings: Any) -> None:
    settings.DEBUG, settings.LUKHAS_POLICY_MODE = False, "permissive"
    with pytest.raises(CommandError, match=r"accounts\.E001"):
        call_command("check")


@pytest.mark.parametrize(("mode", "warned"), [("permissive", True), ("strict", False)])
def test_an_open_server_says_so_when_it_starts(
    settings: Any, caplog: pytest.LogCaptureFixture, mode: str, warned: bool
) -> None:
    settings.DEBUG, settings.LUKHAS_POLICY_MODE = True, mode
    logging.getLogger("accounts").propagate = True
    apps.get_app_config("accounts").ready()
    assert ("calls without an API key are let in" in caplog.text) is warned
