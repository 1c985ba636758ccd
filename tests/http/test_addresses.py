"""Where a request comes from, as far as that can be believed."""

from typing import Any

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from lukhas_site.http.addresses import address_of, bucket, client_address, is_loopback, parsed, truncated


def scope(peer: str | None, *forwarded: str, **headers: str) -> dict[str, Any]:
    lines = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    lines += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"client": (peer, 5) if peer is not None else None, "headers": lines}


def test_by_default_nobody_is_believed_but_the_connection(settings: Any) -> None:
    assert settings.LUKHAS_TRUSTED_PROXIES == []
    assert client_address(scope("203.0.113.9", "1.2.3.4")) == "203.0.113.9"
    assert client_address(scope("127.0.0.1", "1.2.3.4")) == "127.0.0.1"
    assert client_address(scope(None, "1.2.3.4")) == ""


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),  # the first was made up by the caller
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4, 10.9.9.9"], "1.2.3.4"),
        ("10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", ['"[2001:db8::1]"'], "2001:db8::1"),
        ("10.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        ("::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["fe80::1%eth0"], "fe80::1"),
        ("10.0.0.1", ["1.2.3.4, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4, nonsense, 10.0.0.7"], "10.0.0.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["1.2.3.4, ,"], "1.2.3.4"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),
        (None, ["1.2.3.4"], ""),
        ("not an address", ["1.2.3.4"], ""),
    ],
)
def test_a_trusted_proxy_is_believed_as_far_as_the_first_stranger(
    settings: Any, peer: str | None, forwarded: list[str], address: str
) -> None:
    settings.LUKHAS_TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert client_address(scope(peer, *forwarded)) == address


def test_a_proxy_behind_a_unix_socket_is_trusted_by_that_name(settings: Any) -> None:
    settings.LUKHAS_TRUSTED_PROXIES = ["unix", "no address, ignored"]
    assert client_address(scope(None, "1.2.3.4")) == "1.2.3.4"
    assert client_address(scope("10.0.0.1", "1.2.3.4")) == "10.0.0.1"


def test_loopback_is_loopback_only_on_nobodys_behalf() -> None:
    assert is_loopback(scope("127.0.0.1"))
    assert is_loopback(scope("::1", user_agent="curl"))
    for header in ("forwarded", "x_forwarded_for", "x_real_ip", "via"):
        assert not is_loopback(scope("127.0.0.1", **{header: "127.0.0.1"}))
    for peer in ("203.0.113.9", "nonsense", None):
        assert not is_loopback(scope(peer))


def test_an_ipv6_host_is_counted_with_its_network() -> None:
    assert bucket("2001:db8:1:2:3:4:5:6") == bucket("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert bucket("1.2.3.4") == "1.2.3.4"
    assert bucket("") == ""


@pytest.mark.parametrize("text", ["", "1.2.3", "a:b:c", "1.2.3.4.5", "999.1.1.1"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert parsed(text) is None


def test_a_request_without_a_scope_is_believed_as_far_as_one_with_it(settings: Any) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert address_of(request) == "10.0.0.1"
    settings.LUKHAS_TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert address_of(request) == "203.0.113.9"
    assert address_of(AsyncRequestFactory().get("/")) == "127.0.0.1"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_a_truncated_address_is_the_network_and_not_the_host(address: str, network: str) -> None:
    assert truncated(address) == network
