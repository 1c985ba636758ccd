"""Usage on the staff pages: found by its request, read only, and never counted as a whole."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.bootstrap import ensure_defaults
from accounts.models import Membership, User
from analytics.draining import store
from analytics.models import Refused, UsageRecord
from tests.analytics.recorded import GOOD, record

pytestmark = pytest.mark.usefixtures("database")
LIST = "/admin/analytics/usagerecord/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss@example.com", "x" * 20))
    return client


@pytest.fixture(autouse=True)
def rows() -> None:
    store([GOOD, record(2, status=499), record(3, status=502), record(4, status=429)])


def shown(answer: object) -> set[str]:
    return {row.pk for row in answer.context["cl"].result_list}  # type: ignore[attr-defined]


def test_the_newest_come_first_with_cost_and_time(staff: Client) -> None:
    store([record(5, at=GOOD.at + 1)])
    answer = staff.get(LIST)
    assert next(row.pk for row in answer.context["cl"].result_list) == "req_5"
    text = answer.content.decode()
    assert "$0.000042" in text
    assert "9.0" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=req_1", {"req_1"}),
        ("q= req_2 ", {"req_2"}),
        ("q=req", set()),
        ("outcome=2", {"req_1"}),
        ("outcome=4", {"req_4"}),
        ("outcome=499", {"req_2"}),
        ("outcome=5", {"req_3"}),
        ("", {"req_1", "req_2", "req_3", "req_4"}),
    ],
)
def test_they_are_found_by_their_request_and_by_how_they_ended(staff: Client, query: str, found: set[str]) -> None:
    answer = staff.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    assert shown(answer) == found


def test_nothing_can_be_changed_added_or_deleted(staff: Client) -> None:
    change = reverse("admin:analytics_usagerecord_change", args=["req_1"])
    assert staff.get(change).status_code == 200
    assert staff.post(change, {"status": 1}).status_code == 403
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(reverse("admin:analytics_usagerecord_delete", args=["req_1"]), {"post": "yes"}).status_code == 403
    assert staff.post(LIST, {"action": "delete_selected", "_selected_action": "req_1"}).status_code in {200, 302, 403}
    assert UsageRecord.objects.count() == 4


def member(role: str) -> Client:
    """Somebody on the staff with a role in the default organisation."""
    organization, _ = ensure_defaults()
    user = User.objects.create_user(f"{role}@example.com", "x" * 20, is_staff=True)
    Membership.objects.create(user=user, organization=organization, role=role)
    store([record(6, organization_id=organization.public_id)])
    client = Client()
    client.force_login(user)
    return client


def test_a_member_of_an_organisation_sees_its_requests_and_no_others() -> None:
    client = member("member")
    assert shown(client.get(LIST)) == {"req_6"}
    assert client.get(reverse("admin:analytics_usagerecord_change", args=["req_6"])).status_code == 200
    other = client.get(reverse("admin:analytics_usagerecord_change", args=["req_1"]))
    assert other.status_code == 302, "as if there were none"
    assert shown(client.get(f"{LIST}?q=req_1")) == set()


def test_a_viewer_sees_no_usage() -> None:
    assert member("viewer").get(LIST).status_code == 403


def test_only_superusers_see_who_was_refused() -> None:
    assert member("owner").get("/admin/analytics/refused/").status_code == 403


def test_refusals_are_listed_by_hour(staff: Client) -> None:
    hour = datetime(2026, 11, 29, 5, tzinfo=UTC)
    Refused.objects.create(hour=hour, project_id="proj_1", endpoint="/v1/embeddings", reason="model_not_found", count=7)
    text = staff.get("/admin/analytics/refused/").content.decode()
    assert "model_not_found" in text


def test_a_record_is_named_by_its_request() -> None:
    assert str(UsageRecord.objects.get(pk="req_1")) == "req_1"
