"""What the tests of sessions share: people with passwords, and signing in over HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from accounts.bootstrap import ensure_defaults
from accounts.models import Membership, Role, Session, User
from tests.serving import Server

PASSWORD = "correct horse battery staple"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    """A hasher that costs nothing, and room for many requests: what is tested is what happens, not how slowly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.LUKHAS_LOGIN_RATE = settings.LUKHAS_API_RATE = "100000/m"


def make_person(username: str, role: str | None = Role.MEMBER) -> User:
    """An active user with PASSWORD, and a role in the default organisation."""
    user = User.objects.create_user(username, f"{username}@example.com", PASSWORD)
    if role is not None:
        Membership.objects.create(user=user, organization=ensure_defaults()[0], role=role)
    return user


@pytest.fixture
def ann(database: None) -> User:
    return make_person("ann")


@pytest.fixture
def bob(database: None) -> User:
    return make_person("bob")


Http = Callable[..., httpx.Client]


@pytest.fixture
def http(server: Server) -> Iterator[Http]:
    """An HTTP client with this token; with an empty one, without any."""
    clients = []

    def make(token: str = "", **headers: str) -> httpx.Client:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        clients.append(httpx.Client(base_url=server.url, headers={"User-Agent": BROWSER, **headers}, timeout=30))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@dataclass
class SignedIn:
    """A client with the token of a new session."""

    client: httpx.Client
    token: str
    session: Session


SignIn = Callable[..., SignedIn]


@pytest.fixture
def sign_in(http: Http) -> SignIn:
    """Signs somebody in over HTTP."""

    def make(user: User, password: str = PASSWORD) -> SignedIn:
        answer = http().post("/api/sessions", json={"username": user.username, "password": password})
        assert answer.status_code == 201, answer.text
        token = answer.json()["token"]
        return SignedIn(http(token), token, Session.objects.get(public_id=answer.json()["id"]))

    return make


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error object of an answer with this status, in the envelope."""
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def check_over(signed_in: SignedIn) -> None:
    """Its token works no more."""
    error = error_of(signed_in.client.get("/api/sessions"), 401)
    assert error["code"] == "invalid_session"


def check_works(signed_in: SignedIn) -> None:
    assert signed_in.client.get("/api/sessions").status_code == 200
