"""Browsers of the origins that settings name may call; others may not."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lukhas_site.http.edge import Edge

Ask = Callable[..., Awaitable[Any]]
HOME = "https://app.example"


async def app(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"application/json"), (b"X-RateLimit-Limit-Requests", b"9"), (b"Retry-After", b"1")]
    if scope["path"] == "/crash":
        raise RuntimeError
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


@pytest.fixture
def site(edge: Callable[..., Edge], settings: Any) -> Callable[..., Edge]:
    def make(*origins: str) -> Edge:
        settings.LUKHAS_CORS_ALLOWED_ORIGINS = list(origins)
        return edge(app)

    return make


async def test_by_default_no_origin_is_admitted(site: Callable[..., Edge], ask: Ask) -> None:
    answer = await ask(site(), headers=[("Origin", HOME)])

    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "vary" not in answer.headers


@pytest.mark.parametrize("named", [HOME, HOME + "/"])
async def test_a_named_origin_may_read_the_answer_and_its_headers(
    site: Callable[..., Edge], ask: Ask, named: str
) -> None:
    answer = await ask(site(named), headers=[("Origin", HOME)])

    assert answer.headers["access-control-allow-origin"] == HOME
    assert answer.headers["vary"] == "Origin"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"x-request-id", "x-ratelimit-limit-requests", "retry-after", "openai-processing-ms"} <= set(exposed)
    assert "content-type" not in exposed


@pytest.mark.parametrize("headers", [[("Origin", "https://evil.example")], []])
async def test_others_are_told_nothing_but_that_the_answer_varies(
    site: Callable[..., Edge], ask: Ask, headers: list[tuple[str, str]]
) -> None:
    answer = await ask(site(HOME), headers=headers)

    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"


async def test_a_star_admits_everybody_with_the_same_answer(site: Callable[..., Edge], ask: Ask) -> None:
    answer = await ask(site("*"), headers=[("Origin", "https://any.example")])

    assert answer.headers["access-control-allow-origin"] == "*"
    assert "vary" not in answer.headers


async def test_a_page_may_read_an_error(site: Callable[..., Edge], ask: Ask) -> None:
    answer = await ask(site(HOME), path="/crash", headers=[("Origin", HOME)])

    assert answer.status == 500
    assert answer.headers["access-control-allow-origin"] == HOME


def preflight(origin: str, requested: str) -> list[tuple[str, str]]:
    return [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", requested),
    ]


async def test_a_preflight_is_answered_before_the_application(site: Callable[..., Edge], ask: Ask) -> None:
    requested = "authorization, Content-Type, openai-beta, x-stainless-lang, x-client-request-id, x-lukhas-y, x-other"
    answer = await ask(site(HOME), "OPTIONS", "/crash", headers=preflight(HOME, requested))

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == HOME
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"].split(", ") == [
        "authorization",
        "content-type",
        "openai-beta",
        "x-stainless-lang",
        "x-client-request-id",
        "x-lukhas-y",
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"].startswith("req_")
    assert "content-length" not in answer.headers


async def test_a_preflight_from_elsewhere_grants_nothing(site: Callable[..., Edge], ask: Ask) -> None:
    answer = await ask(site(HOME), "OPTIONS", headers=preflight("https://evil.example", "authorization"))

    assert answer.status == 204
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_plain_options_request_reaches_the_application(site: Callable[..., Edge], ask: Ask) -> None:
    assert (await ask(site(HOME), "OPTIONS")).body == b"{}"


# --- Origins that somebody else knows ----------------------------------------------------------------------------


@pytest.fixture
def with_pages(edge: Callable[..., Edge], settings: Any) -> Callable[..., Edge]:
    """An edge whose pages of HOME may call what begins with /public/."""

    async def pages() -> frozenset[bytes]:
        return frozenset({HOME.encode()})

    def make(*origins: str) -> Edge:
        settings.LUKHAS_CORS_ALLOWED_ORIGINS = list(origins)
        settings.LUKHAS_PUBLISHABLE_PATHS = ("/public/",)
        return edge(app, pages=pages)

    return make


async def test_a_page_may_call_the_public_paths_and_no_others(with_pages: Callable[..., Edge], ask: Ask) -> None:
    for path, admitted in (("/public/x", True), ("/public", False), ("/", False)):
        for method, headers in (("GET", [("Origin", HOME)]), ("OPTIONS", preflight(HOME, "authorization"))):
            answer = await ask(with_pages(), method, path, headers=headers)
            assert answer.headers.get("access-control-allow-origin") == (HOME if admitted else None)
            assert answer.headers.get("vary") == ("Origin" if path == "/public/x" else None)


async def test_origins_of_the_setting_go_on_everywhere(with_pages: Callable[..., Edge], ask: Ask) -> None:
    for path in ("/public/x", "/"):
        for origin, admitted in (("https://other.example", True), ("https://evil.example", False)):
            answer = await ask(with_pages("https://other.example"), path=path, headers=[("Origin", origin)])
            assert answer.headers.get("access-control-allow-origin") == (origin if admitted else None)


async def test_a_star_says_nothing_of_pages(with_pages: Callable[..., Edge], ask: Ask) -> None:
    answer = await ask(with_pages("*"), path="/public/x", headers=[("Origin", HOME)])
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "vary" not in answer.headers


async def test_an_edge_that_is_told_of_no_pages_admits_none(edge: Callable[..., Edge], ask: Ask, settings: Any) -> None:
    settings.LUKHAS_PUBLISHABLE_PATHS = ("/public/",)
    answer = await ask(edge(app), path="/public/x", headers=[("Origin", HOME)])
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"
