"""How often one key, one session or one address may ask for what stands under /api."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from redis.exceptions import ConnectionError as RedisGone

from accounts.models import Session, User
from lukhas_site.http import guard as guards
from lukhas_site.http.guard import credential, guarded
from tests.conftest import MakeKey


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All requests of a test fall into one window: real ones begin where the caller's hash says."""
    end = int(time.time()) + 30
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda value, period: end)
    return iter([None])


def token_of(username: str) -> str:
    user = User.objects.create_user(username, f"{username}@example.com")
    opened = Session.begin(user, device="", address="")
    assert opened is not None
    return opened[1]


def ask(client: httpx.Client, token: str = "", path: str = "/api/sessions", **headers: str) -> httpx.Response:
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return client.get(path, headers=headers)


def statuses(client: httpx.Client, token: str = "", times: int = 3, **rest: str) -> list[int]:
    return [ask(client, token, **rest).status_code for _ in range(times)]


def test_a_session_has_a_count_of_its_own_and_every_answer_tells_it(settings: Any, anonymous: httpx.Client) -> None:
    settings.LUKHAS_API_RATE = "2/m"
    ann, bob = token_of("ann"), token_of("bob")
    for left in (1, 0):
        answer = ask(anonymous, ann)
        assert answer.status_code == 200
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("2", str(left))
    refused = ask(anonymous, ann)
    assert refused.status_code == 429
    assert (refused.headers["x-ratelimit-limit"], refused.headers["x-ratelimit-remaining"]) == ("2", "0")
    assert 20 <= int(refused.headers["retry-after"]) <= 30
    error = refused.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("requests", "rate_limit_exceeded", None)
    assert statuses(anonymous, bob) == [200, 200, 429]


def test_so_has_a_key_wherever_it_comes_from(settings: Any, anonymous: httpx.Client, make_key: MakeKey) -> None:
    settings.LUKHAS_API_RATE, settings.LUKHAS_TRUSTED_PROXIES = "4/m", ["127.0.0.1"]
    key, other = make_key("one"), make_key("other")
    for at in range(4):  # keys are no sessions, so these are refused, and counted for their addresses too
        assert ask(anonymous, key, **{"X-Forwarded-For": f"203.0.113.{at}"}).status_code == 401
    assert ask(anonymous, key, **{"X-Forwarded-For": "203.0.113.9"}).status_code == 429
    assert ask(anonymous, other, **{"X-Forwarded-For": "203.0.113.9"}).status_code == 401


def test_without_a_credential_the_address_is_counted(settings: Any, anonymous: httpx.Client) -> None:
    settings.LUKHAS_API_RATE, settings.LUKHAS_TRUSTED_PROXIES = "2/m", ["127.0.0.1"]
    assert statuses(anonymous) == [401, 401, 429]
    assert statuses(anonymous, **{"X-Forwarded-For": "203.0.113.7"}) == [401, 401, 429]


def test_it_comes_before_the_credential_is_looked_up(
    settings: Any, anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LUKHAS_API_RATE = "1/m"
    token = token_of("ann")
    ask(anonymous, token)

    def looked_up(*_: Any) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(Session, "find", looked_up)
    assert ask(anonymous, token).status_code == 429


def test_one_made_up_credential_after_the_other_is_one_caller(settings: Any, anonymous: httpx.Client) -> None:
    settings.LUKHAS_API_RATE = "3/m"
    good = token_of("ann")
    assert ask(anonymous, good).status_code == 200
    # Ten, since a minute may end among them, and each is counted when its answer is on its way.
    made_up = [ask(anonymous, f"st-lukhas-{at}") for at in range(10)]
    assert [answer.status_code for answer in made_up[:3]] == [401, 401, 401]
    refused = [answer for answer in made_up if answer.status_code == 429]
    assert refused
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert all(answer.headers["x-ratelimit-remaining"] == "0" for answer in refused)


def test_other_paths_have_no_such_count(settings: Any, anonymous: httpx.Client, make_key: MakeKey) -> None:
    settings.LUKHAS_API_RATE = "1/m"
    key = make_key()
    for path in ("/v1/models", "/healthz", "/apiary", "/v1/organization/projects"):
        for _ in range(3):
            answer = ask(anonymous, key, path=path)
            assert answer.status_code != 429
            assert "x-ratelimit-limit" not in answer.headers
    assert [ask(anonymous, "sk-lukhas-unknown", path="/v1/models").status_code for _ in range(3)] == [401] * 3


def test_what_is_not_there_under_api_is_counted_too(settings: Any, anonymous: httpx.Client) -> None:
    settings.LUKHAS_API_RATE = "1/m"
    assert statuses(anonymous, path="/api/nothing") == [404, 429, 429]


def test_signing_in_is_counted_by_address_together_with_the_admins(settings: Any, anonymous: httpx.Client) -> None:
    settings.LUKHAS_LOGIN_RATE, settings.LUKHAS_API_RATE = "3/m", "100/m"
    body = {"username": "nobody", "password": "wrong"}
    anonymous.post("/admin/login/", data=body)
    found = [
        anonymous.post("/api/sessions", json=body, headers={"Authorization": f"Bearer {at}"}).status_code
        for at in range(3)
    ]
    assert found == [401, 401, 429]
    assert ask(anonymous).headers["x-ratelimit-limit"] == "100"


def test_an_exact_path_goes_before_its_prefix_and_an_empty_setting_is_no_count(settings: Any) -> None:
    settings.LUKHAS_GUARDED_PATHS = {"/api/free": ("", None), "/api/post": ("LUKHAS_LOGIN_RATE", ("POST",))}

    def found(path: str, method: str = "GET") -> tuple[str, bool]:
        return guarded({"path": path, "method": method, "headers": headers})

    headers: list[tuple[bytes, bytes]] = []

    assert found("/api/free") == ("", False)
    assert found("/api/post", "POST") == ("LUKHAS_LOGIN_RATE", False)
    assert found("/api/post") == found("/api/x") == ("LUKHAS_API_RATE", True)
    assert found("/v1/models") == ("", False)
    headers.append((b"authorization", b"Bearer st-lukhas-x"))
    assert found("/api/free") == ("LUKHAS_API_RATE", True), "people have no key whose limits would hold"
    assert found("/api/post", "POST") == ("LUKHAS_LOGIN_RATE", False)
    assert guarded({"path": "/under/api/x", "root_path": "/under", "method": "GET"}) == ("LUKHAS_API_RATE", True)


@pytest.mark.parametrize("header", [b"bearer token", b"BEARER   token", b" Bearer\ttoken "])
def test_a_credential_is_the_same_however_its_header_is_written(header: bytes) -> None:
    plain = credential({"headers": [(b"authorization", b"Bearer token")]})
    assert credential({"headers": [(b"authorization", header)]}) == plain
    assert credential({"headers": [(b"authorization", b"Bearer other")]}) != plain


def test_what_is_counted_holds_no_secret() -> None:
    shown = credential({"headers": [(b"host", b"x"), (b"authorization", b"Bearer st-lukhas-secret")]})
    assert shown is not None
    assert "secret" not in shown
    assert credential({"headers": [(b"authorization", b" ")]}) is None
    assert credential({"headers": []}) is None


@pytest.mark.parametrize("error", [RedisGone("gone"), OSError("gone")])
def test_where_the_counts_are_lost_everybody_is_let_in(
    anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    token = token_of("ann")

    def lost(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(guards, "count", lost)
    for shown in (token, "", "st-lukhas-unknown"):
        answer = ask(anonymous, shown)
        assert answer.status_code == (200 if shown == token else 401)
        assert "x-ratelimit-limit" not in answer.headers
