"""POST /api/analytics/events by people who signed in, and what its URL may hold."""

from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import Membership, Project, Session, User
from analytics.models import Event
from tests.analytics.eventful import EVENTS, event
from tests.analytics.test_api_privacy import key, person, project, revoked, stranger, unhurried

__all__ = ["project", "stranger", "unhurried"]
pytestmark = pytest.mark.usefixtures("database")


def post(client: httpx.Client, token: str, query: str, **headers: str) -> httpx.Response:
    return client.post(
        EVENTS + query, json={"events": [event()]}, headers={"Authorization": f"Bearer {token}", **headers}
    )


def told(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


# What each caller is answered who sends to the default project.
CALLERS = {
    "owner": 202,
    "admin": 202,
    "member": 403,
    "member of the project": 202,
    "admin of the project": 202,
    "viewer of the project": 403,
    "owner elsewhere": 404,
    "nobody's colleague": 400,
    "key": 202,
    "key elsewhere": 404,
    "admin key": 403,
    "revoked key": 401,
}


@pytest.mark.parametrize("caller", CALLERS)
def test_who_may_send_to_a_project_that_is_named(
    anonymous: httpx.Client, project: Project, stranger: Project, caller: str
) -> None:
    makers = {
        "owner": lambda: person(project, "owner"),
        "admin": lambda: person(project, "admin"),
        "member": lambda: person(project, "member"),
        "member of the project": lambda: person(project, "viewer", "member"),
        "admin of the project": lambda: person(project, "member", "admin"),
        "viewer of the project": lambda: person(project, "member", "viewer"),
        "owner elsewhere": lambda: person(stranger, "owner"),
        "nobody's colleague": lambda: person(project),
        "key": lambda: key(project),
        "key elsewhere": lambda: key(stranger),
        "admin key": lambda: key(project, is_admin=True),
        "revoked key": lambda: revoked(key(project)),
    }
    answer = post(anonymous, makers[caller](), f"?project={project.public_id}")
    assert answer.status_code == CALLERS[caller], answer.text
    assert Event.objects.filter(project_id=project.public_id).count() == (answer.status_code == 202)
    assert not Event.objects.exclude(project_id=project.public_id).exists()


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("", "missing_required_parameter", "project"),
        ("?project=", "missing_required_parameter", "project"),
        ("?project={}&colour=1", "unknown_parameter", "colour"),
        ("?project=%00", "invalid_value", "project"),
    ],
)
def test_a_person_names_the_project_and_nothing_else(
    anonymous: httpx.Client, project: Project, query: str, code: str, param: str
) -> None:
    answer = post(anonymous, person(project, "owner"), query.format(project.public_id))
    assert told(answer) == (400, code, param)
    assert not Event.objects.exists()


def test_a_key_needs_to_name_nothing_and_may_name_nothing_else(anonymous: httpx.Client, project: Project) -> None:
    token = key(project)
    assert post(anonymous, token, "").status_code == 202
    assert told(post(anonymous, token, "?colour=1")) == (400, "unknown_parameter", "colour")
    assert told(post(anonymous, token, "?project=proj_nobodys"))[0] == 404


def test_of_several_organisations_the_header_says_which(
    anonymous: httpx.Client, project: Project, stranger: Project
) -> None:
    user = User.objects.create_user("both", "both@example.com")
    for home in (project, stranger):
        Membership.objects.create(user=user, organization=home.organization, role="owner")
    opened = Session.begin(user, device="", address="")
    assert opened is not None
    token = opened[1]
    query = f"?project={stranger.public_id}"
    assert told(post(anonymous, token, query))[:2] == (400, "organization_required")
    answer = post(anonymous, token, query, **{"OpenAI-Organization": "away"})
    assert (answer.status_code, answer.headers["openai-organization"]) == (202, "away")
    assert Event.objects.get().project_id == stranger.public_id


def test_an_archived_project_takes_nothing(anonymous: httpx.Client, project: Project) -> None:
    gone = Project.objects.create(organization=project.organization, name="Gone", archived_at=timezone.now())
    assert post(anonymous, person(project, "owner"), f"?project={gone.public_id}").status_code == 404
    assert not Event.objects.exists()


def test_a_session_that_is_over_or_made_up_is_401(anonymous: httpx.Client, project: Project) -> None:
    token = person(project, "owner")
    Session.objects.get().end("logout")
    for each in (token, "st-lukhas-made-up"):
        assert told(post(anonymous, each, f"?project={project.public_id}"))[:2] == (401, "invalid_session")


def test_a_token_in_the_url_is_refused_and_its_session_ends(anonymous: httpx.Client, project: Project) -> None:
    token = person(project, "owner")
    answer = post(anonymous, key(project), f"?token={token}")
    assert told(answer)[:2] == (401, "invalid_session")
    assert Session.objects.get().end_reason == "exposed"


def test_a_token_in_the_body_is_no_publishable_key(anonymous: httpx.Client, project: Project) -> None:
    body = f'{{"api_key": "{person(project, "owner")}", "events": [{{}}]}}'
    answer = anonymous.post(EVENTS, content=body, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 401


def test_the_rate_of_the_api_holds_for_sessions_and_not_for_keys(
    anonymous: httpx.Client, project: Project, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda value, period: 4_000_000_000)
    settings.LUKHAS_API_RATE = "1/m"
    token, secret = person(project, "owner"), key(project)
    answers = [post(anonymous, token, f"?project={project.public_id}") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert answers[0].headers["x-ratelimit-limit"] == "1"
    assert [post(anonymous, secret, "").status_code for _ in range(2)] == [202, 202]


def test_nothing_of_an_event_says_who_was_signed_in(anonymous: httpx.Client, project: Project) -> None:
    assert post(anonymous, person(project, "owner"), f"?project={project.public_id}").status_code == 202
    kept = Event.objects.values_list("session", "person").get()
    assert kept == ("", "")
