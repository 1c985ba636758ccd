"""POST /api/password."""

from typing import Any

import pytest

from accounts.models import AuditEvent, User
from tests.accounts.sessions.conftest import PASSWORD, Http, SignIn, check_over, check_works, error_of

NEW = "four other words here"
CHANGE = {"old_password": PASSWORD, "new_password": NEW}


def test_whoever_knows_the_old_one_gives_a_new_one_and_all_other_sessions_end(
    ann: User, bob: User, sign_in: SignIn, http: Http
) -> None:
    mine, theirs = sign_in(ann), sign_in(bob)
    others = [sign_in(ann), sign_in(ann)]
    answer = mine.client.post("/api/password", json=CHANGE)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"object": "password", "changed": True, "sessions_ended": 2}
    assert NEW not in answer.text
    for each in others:
        check_over(each)
        each.session.refresh_from_db()
        assert each.session.end_reason == "password"
    check_works(mine)
    check_works(theirs)
    assert http().post("/api/sessions", json={"username": "ann", "password": PASSWORD}).status_code == 401
    check_works(sign_in(ann, NEW))


def test_the_change_is_on_the_audit_log_and_neither_password_is(ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    mine.client.post("/api/password", json=CHANGE)
    event = AuditEvent.objects.get(type="account.updated", key_id=mine.session.public_id)
    assert event.after is not None
    assert (event.actor_id, event.source, event.after["password"]) == (ann.public_id, "api", "(changed)")
    everything = str(list(AuditEvent.objects.values()))
    assert PASSWORD not in everything
    assert NEW not in everything


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({**CHANGE, "old_password": "wrong"}, "invalid_value", "old_password"),
        ({**CHANGE, "new_password": "short"}, "invalid_value", "new_password"),
        ({**CHANGE, "new_password": "password1234"}, "invalid_value", "new_password"),
        ({**CHANGE, "new_password": "ann@example.com"}, "invalid_value", "new_password"),
        ({**CHANGE, "new_password": PASSWORD}, "invalid_value", "new_password"),
        ({**CHANGE, "new_password": "a" * 1025}, "invalid_value", "new_password"),
        ({**CHANGE, "new_password": 123456789012}, "invalid_type", "new_password"),
        ({"new_password": NEW}, "missing_required_parameter", "old_password"),
        ({"old_password": PASSWORD}, "missing_required_parameter", "new_password"),
        ({**CHANGE, "username": "bob"}, "unknown_parameter", "username"),
        ({**CHANGE, "is_superuser": True}, "unknown_parameter", "is_superuser"),
    ],
)
def test_what_is_wrong_is_told_by_its_field_and_changes_nothing(
    ann: User, sign_in: SignIn, body: dict[str, Any], code: str, param: str
) -> None:
    mine, other = sign_in(ann), sign_in(ann)
    before = User.objects.get(pk=ann.pk).password
    error = error_of(mine.client.post("/api/password", json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert User.objects.get(pk=ann.pk).password == before
    check_works(mine)
    check_works(other)


def test_a_long_password_and_any_character_may_be_chosen(ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    new = "pässwörd 🦜 " * 20
    assert mine.client.post("/api/password", json={**CHANGE, "new_password": new}).status_code == 200
    check_works(sign_in(ann, new))


def test_guessing_the_old_one_is_locked_like_signing_in(ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    wrong = {**CHANGE, "old_password": "wrong"}
    statuses = [mine.client.post("/api/password", json=wrong).status_code for _ in range(5)]
    assert statuses == [400, 400, 400, 400, 429]
    answer = mine.client.post("/api/password", json=CHANGE)
    assert error_of(answer, 429)["code"] == "login_locked"
    assert 0 < int(answer.headers["retry-after"]) <= 900
    check_works(mine)


def test_other_methods_and_parameters_are_refused(ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert error_of(mine.client.request(method, "/api/password"), 405)["code"] == "method_not_allowed"
    assert error_of(mine.client.post("/api/password?x=1", json=CHANGE), 400)["param"] == "x"
    assert error_of(mine.client.post("/api/password", data=CHANGE), 415)["code"] == "unsupported_content_type"
