"""POST /api/sessions."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.utils import timezone

from accounts.models import AuditEvent, Organization, Session, User
from accounts.sessions import lockout, tokens
from tests.accounts.sessions.conftest import (
    BROWSER,
    PASSWORD,
    Http,
    SignIn,
    check_over,
    check_works,
    error_of,
    make_person,
)
from tests.conftest import MakeKey

GOOD = {"username": "ann", "password": PASSWORD}


def test_who_knows_the_password_gets_a_token_that_is_shown_once(ann: User, http: Http) -> None:
    answer = http().post("/api/sessions", json=GOOD)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    body = answer.json()
    token = body.pop("token")
    assert re.fullmatch(r"st-lukhas-[A-Za-z0-9]{43}", token)
    session = Session.objects.get()
    assert body == {
        "id": session.public_id,
        "object": "session",
        "device": "Firefox on Linux",
        "address": "127.0.0.0/24",
        "created_at": int(session.created_at.timestamp()),
        "last_seen_at": int(session.created_at.timestamp()),
        "idle_expires_at": int((session.last_seen_at + timedelta(hours=8)).timestamp()),
        "expires_at": int(session.expires_at.timestamp()),
        "current": True,
    }
    assert re.fullmatch(r"sess_[A-Za-z0-9]{24}", session.public_id)
    assert abs(session.expires_at - session.created_at - timedelta(days=7)) < timedelta(seconds=5)
    client = http(token)
    for path in ("/api/sessions", f"/api/sessions/{session.public_id}"):
        assert token not in client.get(path).text


def test_a_token_has_at_least_128_random_bits_and_only_a_keyed_digest_of_it_is_kept(ann: User, sign_in: SignIn) -> None:
    assert 62**tokens.RANDOM_CHARACTERS > 2**128
    made = [sign_in(ann) for _ in range(3)]
    assert len({each.token for each in made}) == 3
    kept = str(list(Session.objects.values())) + str(list(AuditEvent.objects.values()))
    for each in made:
        assert each.session.digest == tokens.digest(each.token)
        assert each.token.removeprefix(tokens.PREFIX) not in kept
    assert str([each.session.digest for each in made]) not in str(list(AuditEvent.objects.values()))


def test_the_digest_is_of_sessions_alone_and_needs_the_secret(settings: Any) -> None:
    from accounts import keys

    token = tokens.generate()
    assert tokens.digest(token) != keys.digest(token)
    before = tokens.digest(token)
    settings.SECRET_KEY = "another" * 10
    assert tokens.digest(token) != before


@pytest.mark.parametrize(
    ("username", "password"), [("ann", "wrong"), ("nobody", PASSWORD), ("ANN", PASSWORD), ("ann", f"{PASSWORD} ")]
)
def test_a_wrong_password_and_an_unknown_user_get_one_answer(
    ann: User, http: Http, username: str, password: str
) -> None:
    answer = http().post("/api/sessions", json={"username": username, "password": password})
    error = error_of(answer, 401)
    assert error == {
        "message": "The username or the password is wrong.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_credentials",
    }
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert not Session.objects.exists()


def test_a_user_who_is_not_active_gets_the_same_answer(ann: User, http: Http) -> None:
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert error_of(http().post("/api/sessions", json=GOOD), 401)["code"] == "invalid_credentials"


def test_an_unknown_user_costs_as_many_hashes_as_a_known_one(
    ann: User, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    client = http()
    counts = []
    User.objects.create_user("keys-only", "keys@example.com")  # has no password at all
    for username in ("ann", "nobody", "keys-only"):
        hashed.clear()
        client.post("/api/sessions", json={"username": username, "password": "wrong"})
        counts.append(len(hashed))
    assert counts == [1, 1, 1]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"password": "x"}, "missing_required_parameter", "username"),
        ({"username": "ann"}, "missing_required_parameter", "password"),
        ({**GOOD, "username": None}, "invalid_type", "username"),
        ({**GOOD, "username": 7}, "invalid_type", "username"),
        ({**GOOD, "password": ["x"]}, "invalid_type", "password"),
        ({**GOOD, "password": ""}, "invalid_value", "password"),
        ({**GOOD, "username": "a" * 151}, "invalid_value", "username"),
        ({**GOOD, "password": "a" * 1025}, "invalid_value", "password"),
        ({**GOOD, "username": "a\0"}, "invalid_value", "username"),
        ({**GOOD, "user_id": "user-1"}, "unknown_parameter", "user_id"),
        ({**GOOD, "expires_at": 1}, "unknown_parameter", "expires_at"),
        ({**GOOD, "a" * 99: 1}, "unknown_parameter", "a" * 64),
    ],
)
def test_a_body_that_is_wrong_is_refused_by_name(
    ann: User, http: Http, body: dict[str, Any], code: str, param: str
) -> None:
    error = error_of(http().post("/api/sessions", json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert not Session.objects.exists()


def test_what_is_no_json_object_is_refused(ann: User, http: Http) -> None:
    client = http()
    for content in (b"", b"[]", b"{", b'"ann"', b"null"):
        error_of(client.post("/api/sessions", content=content, headers={"Content-Type": "application/json"}), 400)
    assert error_of(client.post("/api/sessions", data=GOOD), 415)["code"] == "unsupported_content_type"
    error = error_of(client.post("/api/sessions?username=ann", json=GOOD), 400)
    assert (error["code"], error["param"]) == ("unknown_parameter", "username")
    assert not Session.objects.exists()


def test_other_methods_are_refused(ann: User, sign_in: SignIn) -> None:
    client = sign_in(ann).client
    for method in ("PUT", "PATCH", "OPTIONS", "TRACE"):
        answer = client.request(method, "/api/sessions")
        assert error_of(answer, 405)["code"] == "method_not_allowed"
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "DELETE"}


def test_what_is_presented_beside_the_password_does_not_matter(ann: User, http: Http, make_key: MakeKey) -> None:
    for token in ("st-lukhas-over", make_key()):
        assert http(token).post("/api/sessions", json=GOOD).status_code == 201


def test_signing_in_anew_ends_the_session_that_is_presented_and_nobody_elses(
    ann: User, bob: User, sign_in: SignIn, http: Http
) -> None:
    mine, theirs = sign_in(ann), sign_in(bob)
    for presented in (mine, theirs):
        answer = presented.client.post("/api/sessions", json=GOOD)
        assert answer.status_code == 201
        assert answer.json()["token"] != presented.token
    check_over(mine)
    check_works(theirs)
    mine.session.refresh_from_db()
    assert mine.session.end_reason == "renewed"


def test_a_login_that_fails_ends_nothing(ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    error_of(mine.client.post("/api/sessions", json={**GOOD, "password": "wrong"}), 401)
    check_works(mine)


def test_each_signing_in_is_a_session_of_its_own(ann: User, sign_in: SignIn) -> None:
    first, second = sign_in(ann), sign_in(ann)
    assert first.session != second.session
    check_works(first)
    check_works(second)


def test_the_oldest_ends_beyond_the_maximum(ann: User, bob: User, sign_in: SignIn, settings: Any) -> None:
    settings.LUKHAS_SESSIONS_PER_USER = 2
    other = sign_in(bob)
    opened = [sign_in(ann) for _ in range(4)]
    for each in opened:
        each.session.refresh_from_db()
    assert [each.session.end_reason for each in opened] == ["maximum", "maximum", "", ""]
    for each in (*opened[2:], other):
        check_works(each)


def test_signing_in_is_on_the_audit_log_as_the_specification_calls_it(
    ann: User, sign_in: SignIn, organization: Organization
) -> None:
    session = sign_in(ann).session
    event = AuditEvent.objects.get(type="login.succeeded")
    assert (event.organization, event.source, event.actor_kind) == (organization.public_id, "api", "user")
    assert (event.actor_id, event.actor_name) == (ann.public_id, "ann@example.com")
    assert (event.target_id, event.target_name) == (session.public_id, "ann@example.com")
    assert (event.address, event.user_agent) == ("127.0.0.1", BROWSER)
    assert event.after is not None
    assert set(event.after) == {"public_id", "user", "device", "address", "expires_at", "ended_at", "end_reason"}


def test_when_a_user_last_signed_in_is_written_down(ann: User, sign_in: SignIn) -> None:
    before = timezone.now()
    sign_in(ann)
    ann.refresh_from_db()
    assert ann.last_login is not None
    assert ann.last_login >= before


def test_somebody_who_is_of_no_organisation_can_sign_in_and_is_written_down_for_the_server(sign_in: SignIn) -> None:
    sign_in(make_person("eve", None))
    assert AuditEvent.objects.get(type="login.succeeded").organization == ""


def test_who_signs_in_behind_a_change_of_the_password_or_the_end_of_the_user_does_not_slip_in(ann: User) -> None:
    """Between the check of the password and the opening of the session something else may happen."""
    read = User.objects.get(pk=ann.pk)
    ann.set_password("four other words here")
    ann.save()
    assert Session.begin(read, device="", address="") is None
    read = User.objects.get(pk=ann.pk)
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert Session.begin(read, device="", address="") is None
    assert not Session.objects.exists()


def test_a_session_that_could_not_be_opened_is_a_failed_login(
    ann: User, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = lockout.verified

    def overtaken(request: Any, username: str, password: str) -> User:
        user = verified(request, username, password)
        User.objects.filter(pk=user.pk).update(is_active=False)
        return user

    monkeypatch.setattr(lockout, "verified", overtaken)
    assert error_of(http().post("/api/sessions", json=GOOD), 401)["code"] == "invalid_credentials"
    assert not Session.objects.exists()
