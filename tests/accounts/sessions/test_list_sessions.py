"""GET /api/sessions: one's own, and who may ask."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Organization, Role, Session, User
from accounts.sessions import tokens
from tests.accounts.sessions.conftest import Http, SignIn, check_over, check_works, error_of, make_person
from tests.conftest import MakeKey

ENDPOINTS = [
    ("GET", "/api/sessions"),
    ("DELETE", "/api/sessions"),
    ("GET", "/api/sessions/{id}"),
    ("DELETE", "/api/sessions/{id}"),
    ("POST", "/api/password"),
]
every_endpoint = pytest.mark.parametrize(("method", "path"), ENDPOINTS)


def test_ones_own_sessions_that_work_are_listed_the_newest_first(ann: User, bob: User, sign_in: SignIn) -> None:
    first, second, over = (sign_in(ann) for _ in range(3))
    sign_in(bob)
    over.session.end("logout")
    body = second.client.get("/api/sessions").json()
    ids = [second.session.public_id, first.session.public_id]
    assert [each["id"] for each in body["data"]] == ids
    assert [each["current"] for each in body["data"]] == [True, False]
    assert (body["object"], body["first_id"], body["last_id"], body["has_more"]) == ("list", *ids, False)
    assert all("token" not in each and "digest" not in each for each in body["data"])


def test_the_list_is_for_no_cache_and_takes_no_parameter(ann: User, sign_in: SignIn) -> None:
    client = sign_in(ann).client
    assert client.get("/api/sessions").headers["cache-control"] == "no-store"
    assert client.head("/api/sessions").status_code == 200
    error = error_of(client.get("/api/sessions?limit=1"), 400)
    assert (error["code"], error["param"]) == ("unknown_parameter", "limit")


@every_endpoint
def test_nobody_but_the_owner_of_a_session_is_let_in(
    method: str, path: str, ann: User, sign_in: SignIn, http: Http, make_key: MakeKey, organization: Organization
) -> None:
    """Keys of every kind, unknown tokens, and none."""
    mine = sign_in(ann)
    path = path.format(id=mine.session.public_id)
    admin_key = ApiKey.issue(name="a", organization=organization, user=make_person("root", Role.OWNER), is_admin=True)[
        1
    ]
    mine.session.refresh_from_db()
    for token in ("", make_key(), admin_key, "short", tokens.PREFIX, "Basic YW5uOng="):
        answer = http(token).request(method, path)
        error = error_of(answer, 401)
        assert error["code"] == ("invalid_session" if token == tokens.PREFIX else None)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    unknown = [tokens.generate(), mine.token[:-1], f"{mine.token}x", mine.token.upper()]
    for token in unknown:
        expected = "invalid_session" if token.startswith(tokens.PREFIX) else None
        assert error_of(http(token).request(method, path), 401)["code"] == expected
    check_works(mine)


@every_endpoint
def test_a_session_that_is_over_or_whose_user_is_not_active_is_let_in_nowhere(
    method: str, path: str, ann: User, sign_in: SignIn
) -> None:
    hour = timedelta(hours=1)
    changes = {
        "expired": {"expires_at": timezone.now()},
        "idle": {"last_seen_at": timezone.now() - 8 * hour},
        "ended": {"ended_at": timezone.now(), "end_reason": "staff"},
    }
    for fields in changes.values():
        over = sign_in(ann)
        Session.objects.filter(pk=over.session.pk).update(**fields)
        check_over(over)
        answer = over.client.request(method, path.format(id=over.session.public_id))
        assert error_of(answer, 401)["code"] == "invalid_session"
    mine = sign_in(ann)
    # Past every hook, as SQL would.
    User.objects.all()._update([(User._meta.get_field("is_active"), None, False)])  # type: ignore[attr-defined]
    check_over(mine)


@every_endpoint
def test_the_cookie_of_the_staff_pages_is_worth_nothing_here(method: str, path: str, ann: User, http: Http) -> None:
    """No cookie authenticates under /api, and so no page of somebody else's can use one: there is nothing to forge."""
    User.objects.filter(pk=ann.pk).update(is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(User.objects.get(pk=ann.pk))
    cookie = browser.cookies["sessionid"].value
    assert browser.get("/admin/").status_code == 200
    answer = http(Cookie=f"sessionid={cookie}; csrftoken=x").request(method, path.format(id="sess_x"))
    assert error_of(answer, 401)["code"] is None
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/v1/embeddings", "/v1/organization/projects"])
def test_a_session_token_is_no_key_for_models_nor_for_the_admin_api(path: str, sign_in: SignIn, http: Http) -> None:
    owner = sign_in(make_person("owner", Role.OWNER))
    answer = owner.client.request("GET" if path.endswith(("models", "projects")) else "POST", path, json={"model": "x"})
    error = error_of(answer, 401)
    assert error["code"] == "invalid_api_key"
    assert owner.token not in answer.text
    check_works(owner)


@every_endpoint
def test_a_token_in_the_url_is_refused_and_ends_the_session(
    method: str, path: str, ann: User, sign_in: SignIn, http: Http
) -> None:
    shown, good = sign_in(ann), sign_in(ann)
    path = path.format(id=good.session.public_id)
    answer = good.client.request(method, f"{path}?access_token={shown.token.replace('-', '%2D')}")
    error = error_of(answer, 401)
    assert error["code"] == "invalid_session"
    assert "URL" in error["message"]
    check_over(shown)
    shown.session.refresh_from_db()
    assert shown.session.end_reason == "exposed"
    check_works(good)
    assert error_of(http().request(method, f"{path}?t={tokens.PREFIX}"), 401)["code"] == "invalid_session"


def test_last_seen_is_written_at_most_once_a_minute(ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    began = mine.session.last_seen_at
    check_works(mine)
    mine.session.refresh_from_db()
    assert mine.session.last_seen_at == began
    earlier = timezone.now() - timedelta(seconds=61)
    Session.objects.filter(pk=mine.session.pk).update(last_seen_at=earlier)
    check_works(mine)
    mine.session.refresh_from_db()
    assert mine.session.last_seen_at > earlier + timedelta(seconds=60)
