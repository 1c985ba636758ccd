"""Who calls an endpoint under /api: the seam that others build on."""

from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit.context import current
from accounts.caller import Caller, Seat
from accounts.caller_authentication import CallerAuthentication, SessionAuthentication, caller_of
from accounts.exceptions import OrganizationMismatch, OrganizationUnclear, ScopeMissing
from accounts.models import Membership, Organization, Role, Session, User
from lukhas_site.http.exchange import exchange_of
from tests.accounts.conftest import Issue
from tests.accounts.sessions.conftest import make_person

HERE, THERE = Seat("org-1", "here", Role.VIEWER), Seat("org-2", "there", Role.OWNER)


class Asked(APIView):
    """What the callers of a view look like to it."""

    authentication_classes = (CallerAuthentication,)
    permission_classes = ()

    def get(self, request: Any) -> Response:
        caller = caller_of(request)
        seat = caller.seat_for("organization.audit.read")
        actor = current().actor
        return Response(
            {
                "caller": [caller.owner_kind, caller.owner_id, caller.owner_name, caller.credential_id],
                "seat": [seat.organization_id, seat.organization, seat.role],
                "actor": [actor.kind, actor.id, actor.name, actor.key_id],
                "authenticated": request.user.is_authenticated,
            }
        )


def ask(token: str = "", **headers: str) -> tuple[Any, Any]:
    if token:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    request = RequestFactory().get("/api/x", **headers)
    answer: Any = Asked.as_view()(request)
    if hasattr(answer, "data"):
        return answer, answer.data
    return answer, answer.content.decode()


def token_of(user: User) -> str:
    opened = Session.begin(User.objects.get(pk=user.pk), device="", address="")
    assert opened is not None
    return opened[1]


def test_a_person_calls_with_the_roles_of_this_moment(organization: Organization) -> None:
    user = make_person("ada", Role.ADMIN)
    token = token_of(user)
    session = Session.objects.get()
    _, data = ask(token)
    expected = ["user", user.public_id, "ada@example.com", session.public_id]
    assert data["caller"] == data["actor"] == expected
    assert data["seat"] == [organization.public_id, organization.slug, "admin"]
    assert data["authenticated"] is True
    Membership.objects.all()._update([(Membership._meta.get_field("role"), None, "viewer")])  # type: ignore[attr-defined]
    answer, _ = ask(token)
    assert answer.status_code == 403


def test_an_admin_key_calls_for_its_own_organisation(issue: Issue, organization: Organization) -> None:
    key, token = issue(is_admin=True, project=None)
    _, data = ask(token)
    assert data["caller"] == data["actor"]
    assert data["caller"][::3] == ["service_account", key.public_id]
    assert data["seat"] == [organization.public_id, organization.slug, "owner"]


def test_other_keys_and_nobody_are_refused(issue: Issue) -> None:
    answer, body = ask(issue()[1])
    assert answer.status_code == 403
    assert "admin.*" in body
    for token in ("", "sk-lukhas-unknown", "st-lukhas-unknown"):
        answer, _ = ask(token)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_anonymous_developer_of_permissive_mode_is_no_administrator(database: None, settings: Any) -> None:
    settings.DEBUG, settings.LUKHAS_POLICY_MODE = True, "permissive"
    assert ask()[0].status_code == 403


def test_the_organisation_is_the_one_that_the_header_names(organization: Organization) -> None:
    user = make_person("ada", Role.VIEWER)
    other = Organization.objects.create(slug="other", name="Other")
    Membership.objects.create(user=user, organization=other, role=Role.OWNER)
    token = token_of(user)
    for name in (other.slug, other.public_id):
        assert ask(token, HTTP_OPENAI_ORGANIZATION=name)[1]["seat"] == [other.public_id, "other", "owner"]
    answer, body = ask(token, HTTP_OPENAI_ORGANIZATION=organization.slug)
    assert answer.status_code == 403
    assert "organization.audit.read" in body
    answer, body = ask(token, HTTP_OPENAI_ORGANIZATION="nowhere")
    assert answer.status_code == 401
    assert "mismatched_organization" in body
    answer, body = ask(token)
    assert answer.status_code == 400
    assert "organization_required" in body


def test_the_log_line_names_the_session_and_the_organisation_where_there_is_one(organization: Organization) -> None:
    user = make_person("ada")
    token = token_of(user)
    request = RequestFactory().get("/api/x", HTTP_AUTHORIZATION=f"Bearer {token}")
    Asked.as_view()(request)
    exchange = exchange_of(request)
    assert exchange.organization == organization.slug
    assert exchange.facts["session"] == Session.objects.get().public_id
    assert token not in str(exchange.facts)


def caller(*seats: Seat, asked: str | None = None) -> Caller:
    return Caller("user", "user-1", "ada@example.com", "sess_1", seats, asked)


def test_a_role_is_one_of_an_organisation_and_none_elsewhere() -> None:
    both = caller(HERE, THERE)
    assert (both.role_in("org-1"), both.role_in("org-2"), both.role_in("org-3")) == (Role.VIEWER, Role.OWNER, None)


def test_where_an_action_is_allowed_is_told_by_the_roles() -> None:
    both = caller(HERE, THERE)
    assert both.organizations("organization.audit.read") == ["org-2"]
    assert both.organizations("organization.read") == ["org-1", "org-2"]
    assert caller().organizations("organization.read") == []


def test_a_seat_is_the_only_one_or_the_one_that_is_named() -> None:
    assert caller(HERE).seat() == HERE
    assert caller(HERE, THERE, asked="there").seat() == THERE
    assert caller(HERE, THERE, asked="org-1").seat() == HERE
    for nobody in (caller(), caller(HERE, THERE)):
        with pytest.raises(OrganizationUnclear):
            nobody.seat()
    with pytest.raises(OrganizationMismatch):
        caller(HERE, asked="there").seat()
    with pytest.raises(ScopeMissing):
        caller(HERE).seat_for("organization.audit.read")
    assert caller(THERE).seat_for("organization.audit.read") == THERE


def test_the_challenge_is_the_same_for_both() -> None:
    request: Any = None
    assert (
        SessionAuthentication().authenticate_header(request)
        == CallerAuthentication().authenticate_header(request)
        == 'Bearer realm="OpenAI API"'
    )
