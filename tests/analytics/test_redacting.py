"""What may be kept of an event, by the settings in force."""

from typing import Any

import pytest

from analytics.redacting import browser_family, redacted, redactor, truncated


def test_the_names_of_the_setting_are_forbidden_as_soon_as_it_holds(settings: Any) -> None:
    assert redacted({"E-Mail": 1, "user": {"Password": 2, "plan": "free"}}) == {"user": {"plan": "free"}}
    settings.LUKHAS_FORBIDDEN_PROPERTIES = ["plan"]
    assert redacted({"email": "x", "plan": "free"}) == {"email": "x"}
    assert redactor() is redactor()
    settings.LUKHAS_FORBIDDEN_PROPERTIES = []
    assert redacted({"email": "a@b.co"}) == {"email": "[EMAIL_REDACTED]"}


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "Phone",
        "full_name",
        "firstName",
        "password",
        "access-token",
        "IP",
        "ip_address",
        "userId",
        "dateOfBirth",
    ],
)
def test_the_usual_names_of_what_tells_who_somebody_is_are_forbidden(name: str) -> None:
    assert redacted({name: "x"}) == {}


@pytest.mark.parametrize("name", "path title variant step event_name filename plan tokens ship".split())
def test_names_that_only_hold_such_a_word_are_not(name: str) -> None:
    assert redacted({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("192.0.2.77:4711", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("[2001:db8:1:2::1]:443", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("localhost", ""),
        ("999.1.1.1", ""),
        ("192.0.2.77, 10.0.0.1", ""),
    ],
)
def test_of_an_address_the_network_is_kept(address: str, network: str) -> None:
    assert truncated(address) == network


CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "family"),
    [
        (CHROME, "Chrome"),
        (f"{CHROME} Edg/120.0.0.0", "Edge"),
        (f"{CHROME} OPR/106.0.0.0", "Opera"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "Firefox"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15", "Safari"),
        ("something of my own", ""),
        ("", ""),
        ("x" * 512 + "Firefox/120.0", ""),
    ],
)
def test_of_a_browser_the_family_is_kept(user_agent: str, family: str) -> None:
    assert browser_family(user_agent) == family
