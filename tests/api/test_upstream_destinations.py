"""Where no upstream is, and no key goes, whatever the catalog says: it is asked again when a call is made."""

import socket
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.backends.upstream import UpstreamBackend
from api.exceptions import UpstreamError
from tests.api.upstreams import call_to, chat_request
from tests.mock_upstream import MockUpstream

Logs = list[Any]


async def logs_of_a_failure(backend: UpstreamBackend, base_url: str, **fields: Any) -> Logs:
    """What is logged of a call that ends as any upstream does that cannot be reached."""
    with capture_logs() as logs, pytest.raises(UpstreamError) as caught:
        await backend.chat(chat_request(), call_to(base_url, **fields))
    assert (caught.value.status_code, caught.value.message) == (502, UpstreamError.default_detail)
    return logs


@pytest.mark.parametrize("leads_to", ["169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "::ffff:169.254.169.254"])
async def test_a_name_that_leads_to_where_credentials_are_handed_out_is_not_called(
    upstream_backend: UpstreamBackend, monkeypatch: pytest.MonkeyPatch, leads_to: str
) -> None:
    family = socket.AF_INET6 if ":" in leads_to else socket.AF_INET
    place: Any = (leads_to, 80, 0, 0) if family is socket.AF_INET6 else (leads_to, 80)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(family, socket.SOCK_STREAM, 6, "", place)])
    monkeypatch.setattr(socket, "getnameinfo", lambda *_, **__: (leads_to, "80"))
    (line,) = await logs_of_a_failure(upstream_backend, "http://innocent.example.com/v1")
    assert (line["event"], line["reason"]) == ("upstream_failed", "ClientConnectorDNSError")


async def test_where_a_name_leads_to_several_addresses_the_others_are_called(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(upstream.url.split("/")[2].partition(":")[2])
    found: Any = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (to, port)) for to in ("169.254.169.254", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    await upstream_backend.chat(chat_request(), call_to(f"http://innocent.example.com:{port}/v1"))
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/v1", "http://[fe80::1]/v1", "http://[::ffff:a9fe:a9fe]/v1", "http://metadata/v1"]
)
async def test_such_an_address_that_was_stored_past_every_check_is_not_called(
    upstream_backend: UpstreamBackend, url: str
) -> None:
    (line,) = await logs_of_a_failure(upstream_backend, url)
    assert (line["event"], line["reason"]) == ("upstream_failed", "ForbiddenDestination")


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "lukhas_secret_key_fallbacks"])
async def test_a_secret_of_this_server_that_was_stored_past_every_check_is_not_sent(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "mine")
    (line,) = await logs_of_a_failure(upstream_backend, upstream.url, api_key_env=name)
    assert (line["event"], line["variable"], line["upstream"]) == ("upstream_key_refused", name, "mock")
    assert upstream.requests == []


@pytest.mark.parametrize("value", ["two\nlines", "one\r\nX-More: header", "schlüssel", "a\tb"])
async def test_a_key_that_is_no_line_of_plain_characters_is_not_sent(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("GPU_KEY", value)
    (line,) = await logs_of_a_failure(upstream_backend, upstream.url, api_key_env="GPU_KEY")
    assert (line["event"], line["variable"]) == ("upstream_key_unusable", "GPU_KEY")
    assert value not in str(line)
    assert upstream.requests == []
