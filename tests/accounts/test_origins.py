"""Origins, just as browsers write them."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.origins import admits, exact_origins, is_exact


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "http://localhost:3000",
        "https://example.com:8443",
        "http://127.0.0.1:8080",
        "http://[::1]:3000",
        "https://xn--bcher-kva.example",
    ],
)
def test_an_origin_is_a_scheme_a_host_and_a_port_of_its_own(origin: str) -> None:
    assert is_exact(origin)
    exact_origins([origin])


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "",
        "https://*.example.com",
        "https://example.com/",
        "https://example.com/page",
        "https://example.com?x",
        "https://EXAMPLE.com",
        "HTTPS://example.com",
        "https://example.com:443",
        "http://example.com:80",
        "https://example.com:0",
        "https://example.com:99999",
        "https://user@example.com",
        "https://[::zz]",
        "https://[1:2:3:4:5:6:7:8:9]",
        "ftp://example.com",
        "example.com",
        "https://example.com\n",
    ],
)
def test_what_no_browser_would_send_is_refused(origin: str) -> None:
    assert not is_exact(origin)
    with pytest.raises(ValidationError, match="Not an origin"):
        exact_origins([origin])


@pytest.mark.parametrize(
    ("origins", "code"),
    [
        ("https://example.com", "not_a_list"),
        ([1], "not_a_list"),
        (None, "not_a_list"),
        (["https://a.example", "https://a.example"], "duplicate_origin"),
    ],
)
def test_origins_are_a_list_each_once(origins: Any, code: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        exact_origins(origins)
    assert refusal.value.code == code


def test_a_request_is_admitted_by_its_whole_origin_only() -> None:
    listed = frozenset({"https://app.example.com"})
    assert admits(listed, "https://app.example.com")
    for other in (
        None,
        "",
        "null",
        "https://example.com",
        "https://app.example.com.evil.example",
        "http://app.example.com",
    ):
        assert not admits(listed, other)
