"""Events on the staff pages."""

from typing import Any

import pytest
from django.test import Client

from accounts.bootstrap import ensure_defaults
from accounts.models import User
from analytics.keeping import keep
from analytics.models import Event, EventName, RejectedEvent
from tests.analytics.judged import entry

pytestmark = pytest.mark.usefixtures("database")
NAMES, ONES, COUNTS, REJECTED = (
    f"/admin/analytics/{page}/" for page in ("eventname", "event", "eventcount", "rejectedevent")
)


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss@example.com", "x" * 20))
    return client


@pytest.fixture(autouse=True)
def rows() -> None:
    keep([
        entry(1), entry(2, counted="cta_clicked", name="cta_clicked"), entry(3).bare(),
        entry(4, code="unknown_event", message="No such name."), entry(5, code="invalid_id", message="It is none."),
    ])  # fmt: skip


def shown(answer: Any) -> set[str]:
    return {str(row) for row in answer.context["cl"].result_list}


def test_events_are_listed_without_those_that_are_only_counted(staff: Client) -> None:
    assert shown(staff.get(ONES)) == {"e1", "e2"}
    assert shown(staff.get(f"{ONES}?q=e2")) == {"e2"}
    assert shown(staff.get(f"{ONES}?q=e")) == set(), "by the whole id"
    assert staff.get(f"{ONES}{Event.objects.get(event_id='e1').pk}/change/").status_code == 200


def test_counts_are_listed_by_hour_and_name(staff: Client) -> None:
    assert shown(staff.get(COUNTS)) == {"page_view: 2", "cta_clicked: 1"}


@pytest.mark.parametrize(
    ("query", "found"),
    [("", {"e4", "e5"}), ("code=unknown_event", {"e4"}), ("q=e5", {"e5"}), ("code=nonsense", {"e4", "e5"})],
)
def test_rejected_events_are_found_by_id_and_reason(staff: Client, query: str, found: set[str]) -> None:
    answer = staff.get(f"{REJECTED}?{query}")
    assert shown(answer) == found
    if "e4" in found:
        assert "No such name." in answer.content.decode()


def test_nothing_of_what_happened_can_be_changed(staff: Client) -> None:
    for page, row in ((ONES, Event.objects.first()), (REJECTED, RejectedEvent.objects.first())):
        assert row is not None
        assert staff.post(f"{page}{row.pk}/change/", {"name": "x"}).status_code == 403
        assert staff.post(f"{page}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        assert staff.get(f"{page}add/").status_code == 403


def test_a_name_is_made_with_its_schema_and_a_broken_schema_is_told_at_its_field(staff: Client) -> None:
    form = {"organization": ensure_defaults()[0].pk, "name": "purchase", "hourly_limit": "100"}
    broken = staff.post(f"{NAMES}add/", {**form, "properties": '{"type": "bogus"}'})
    assert broken.status_code == 200
    assert "no schema that can be used" in str(broken.context["adminform"].form.errors["properties"])
    assert staff.post(f"{NAMES}add/", {**form, "properties": '{"required": ["cents"]}'}).status_code == 302
    name = EventName.objects.get(name="purchase")
    assert (name.properties, name.hourly_limit) == ({"required": ["cents"]}, 100)
    listed = staff.get(f"{NAMES}?q=purchase")
    assert shown(listed) == {"purchase"}


def test_a_name_keeps_its_name(staff: Client) -> None:
    name = EventName.objects.get(name="page_view")
    form = {"name": "other", "description": "A page was seen.", "properties": "{}", "hourly_limit": ""}
    assert staff.post(f"{NAMES}{name.pk}/change/", form).status_code == 302
    name.refresh_from_db()
    assert (name.name, name.description) == ("page_view", "A page was seen.")
