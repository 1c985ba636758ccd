"""GET and DELETE /api/sessions/{id}."""

import pytest

from accounts.models import AuditEvent, Role, User
from tests import openapi
from tests.accounts.sessions.conftest import PASSWORD, Http, SignIn, check_over, check_works, error_of, make_person


def test_one_of_ones_own_is_shown(ann: User, sign_in: SignIn) -> None:
    mine, other = sign_in(ann), sign_in(ann)
    shown = mine.client.get(f"/api/sessions/{other.session.public_id}").json()
    assert (shown["id"], shown["current"]) == (other.session.public_id, False)
    assert mine.client.get(f"/api/sessions/{mine.session.public_id}").json()["current"] is True


def test_deleting_ones_own_signs_out(ann: User, sign_in: SignIn) -> None:
    mine, other = sign_in(ann), sign_in(ann)
    answer = mine.client.delete(f"/api/sessions/{mine.session.public_id}")
    assert answer.status_code == 200
    assert answer.json() == {"id": mine.session.public_id, "object": "session.deleted", "deleted": True}
    check_over(mine)
    check_works(other)
    mine.session.refresh_from_db()
    assert mine.session.end_reason == "logout"
    event = AuditEvent.objects.get(type="logout.succeeded")
    assert (event.actor_id, event.key_id, event.target_id) == (
        ann.public_id,
        mine.session.public_id,
        mine.session.public_id,
    )


def test_another_session_of_ones_own_can_be_ended(ann: User, sign_in: SignIn) -> None:
    mine, other = sign_in(ann), sign_in(ann)
    path = f"/api/sessions/{other.session.public_id}"
    assert mine.client.delete(path).status_code == 200
    check_over(other)
    check_works(mine)
    other.session.refresh_from_db()
    assert other.session.end_reason == "revoked"
    assert AuditEvent.objects.get(type="session.ended").key_id == mine.session.public_id
    for method in ("GET", "DELETE"):  # it is gone
        assert error_of(mine.client.request(method, path), 404)["code"] == "not_found"


def test_what_is_answered_is_as_the_document_describes_it(ann: User, sign_in: SignIn, http: Http) -> None:
    mine = sign_in(ann)
    anonymous = http()
    path = f"/api/sessions/{mine.session.public_id}"
    asked = [
        ("get", "/api/sessions", "/api/sessions", None, 200),
        ("post", "/api/sessions", "/api/sessions", {"username": "ann", "password": PASSWORD}, 201),
        ("get", path, "/api/sessions/{session_id}", None, 200),
        ("post", "/api/password", "/api/password", {"old_password": PASSWORD, "new_password": "other words"}, 400),
        ("delete", "/api/sessions", "/api/sessions", None, 200),
        ("delete", path, "/api/sessions/{session_id}", None, 200),
        ("delete", path, "/api/sessions/{session_id}", None, 401),
    ]
    for method, real, template, body, status in asked:
        client = anonymous if status == 201 else mine.client
        answer = client.request(method, real, json=body)
        assert answer.status_code == status, answer.text
        described = openapi.resolved(openapi.document()["paths"][template][method]["responses"][str(status)])
        openapi.check(answer.json(), described["content"]["application/json"]["schema"])
        assert "x-ratelimit-remaining" in answer.headers


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("role", [*Role, None])
def test_sessions_of_others_are_not_there_whoever_asks(
    method: str, role: Role | None, ann: User, sign_in: SignIn
) -> None:
    """Of a colleague, of a higher role, of somebody who is of no organisation: staff end them in the admin."""
    theirs, mine = sign_in(ann), sign_in(make_person("asker", role))
    answer = mine.client.request(method, f"/api/sessions/{theirs.session.public_id}")
    error = error_of(answer, 404)
    assert error["code"] == "not_found"
    assert error["message"] == f"No session found with id '{theirs.session.public_id}'."
    check_works(theirs)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("id", ["sess_x", "%00", "%F0%9F%92%A9", "a" * 2000, "'; drop table--", "%ED%A0%80", "%7F"])
def test_an_id_that_no_session_can_have_is_one_that_is_not_there(
    method: str, id: str, ann: User, sign_in: SignIn
) -> None:
    mine = sign_in(ann)
    assert mine.client.request(method, f"/api/sessions/{id}").status_code == 404
    check_works(mine)


def test_other_methods_and_parameters_are_refused(ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    path = f"/api/sessions/{mine.session.public_id}"
    for method in ("POST", "PUT", "PATCH", "OPTIONS"):
        answer = mine.client.request(method, path, json={"expires_at": 9_999_999_999})
        assert error_of(answer, 405)["code"] == "method_not_allowed"
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "DELETE"}
    for method in ("GET", "DELETE"):
        assert error_of(mine.client.request(method, f"{path}?x=1"), 400)["param"] == "x"
    check_works(mine)
