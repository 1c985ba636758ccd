"""How often one address may ask for what needs no key."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from redis.exceptions import ConnectionError as RedisGone

from lukhas_site.http import guard as guards

LOGIN = {"username": "nobody", "password": "wrong"}


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All requests of a test fall into one window: real ones begin where the address's hash says."""
    end = int(time.time()) + 30
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda value, period: end)
    return iter([None])


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_anonymous_pages_are_counted_by_address_and_say_so(settings: Any, anonymous: httpx.Client, path: str) -> None:
    settings.LUKHAS_ANONYMOUS_RATE = "2/m"
    for left in (1, 0):
        answer = anonymous.get(path)
        assert answer.status_code == 200
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("2", str(left))
        assert "retry-after" not in answer.headers
    refused = anonymous.get(path)
    assert refused.status_code == 429
    assert (refused.headers["x-ratelimit-limit"], refused.headers["x-ratelimit-remaining"]) == ("2", "0")
    assert 20 <= int(refused.headers["retry-after"]) <= 30
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
    assert refused.headers["x-content-type-options"] == "nosniff"


def test_the_pages_share_their_count_and_other_paths_have_none(settings: Any, anonymous: httpx.Client) -> None:
    settings.LUKHAS_ANONYMOUS_RATE = "2/m"
    anonymous.get("/docs")
    anonymous.get("/redoc")
    assert anonymous.get("/openapi.json").status_code == 429
    for path in ("/healthz", "/readyz", "/static/none", "/v1/models"):
        answer = anonymous.get(path)
        assert answer.status_code != 429
        assert "x-ratelimit-limit" not in answer.headers


def test_signing_in_is_counted_by_its_posts(settings: Any, anonymous: httpx.Client) -> None:
    settings.LUKHAS_LOGIN_RATE = "3/m"
    for _ in range(5):
        assert anonymous.get("/admin/login/").status_code == 200
    statuses = [anonymous.post("/admin/login/", data=LOGIN).status_code for _ in range(5)]
    assert statuses[3:] == [429, 429]
    assert 429 not in statuses[:3]
    assert anonymous.get("/docs").status_code == 200


def test_each_address_behind_a_trusted_proxy_has_its_own_count(settings: Any, anonymous: httpx.Client) -> None:
    settings.LUKHAS_ANONYMOUS_RATE = "1/m"

    def ask(*headers: str) -> int:
        return anonymous.get("/docs", headers={"X-Forwarded-For": ", ".join(headers)}).status_code

    assert [ask("1.1.1.1"), ask("2.2.2.2")] == [200, 429]  # nobody is trusted
    settings.LUKHAS_TRUSTED_PROXIES = ["127.0.0.1"]
    assert [ask("1.1.1.1"), ask("2.2.2.2"), ask("9.9.9.9", "2.2.2.2")] == [200, 200, 429]


@pytest.mark.parametrize("error", [RedisGone("gone"), OSError("gone")])
def test_where_the_counts_are_lost_everybody_is_let_in(
    anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def lost(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(guards, "count", lost)
    answer = anonymous.get("/docs")
    assert answer.status_code == 200
    assert "x-ratelimit-limit" not in answer.headers
