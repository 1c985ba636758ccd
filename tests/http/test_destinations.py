"""Where this server may be told to call."""

import ipaddress

import pytest
from django.core.exceptions import ValidationError

from lukhas_site.http.destinations import http_url, is_forbidden, is_forbidden_address


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "100.100.100.200",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
    ],
)
def test_addresses_where_credentials_are_handed_out_are_forbidden_also_within_others(address: str) -> None:
    assert is_forbidden_address(ipaddress.ip_address(address))
    assert is_forbidden(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"])
def test_others_are_not(address: str) -> None:
    assert not is_forbidden_address(ipaddress.ip_address(address))
    assert not is_forbidden(address)


@pytest.mark.parametrize("host", ["metadata", "METADATA.google.internal.", "2852039166", "0xa9.254.43518"])
def test_so_are_their_names_and_other_spellings(host: str) -> None:
    assert is_forbidden(host)


def test_a_url_keeps_its_query_and_is_read_once() -> None:
    assert http_url("https://hooks.example.com/a?b=c").query["b"] == "c"
    assert not is_forbidden("hooks.example.com")
    with pytest.raises(ValidationError, match="never called"):
        http_url("http://[64:ff9b::a9fe:a9fe]/")
