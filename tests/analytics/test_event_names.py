"""The taxonomy of an organisation: seeded, checked, audited, and read by every process."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from structlog.testing import capture_logs

from accounts.audit.context import nobody_acts
from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Organization
from analytics import migrations, vocabularies
from analytics.models import EventName
from analytics.models.names import SEEDED
from analytics.taxonomy import Name, never

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def organization() -> Organization:
    nobody_acts()
    return ensure_defaults()[0]


def names(organization: Organization) -> set[str]:
    return set(EventName.objects.filter(organization=organization).values_list("name", flat=True))


def test_every_organisation_begins_with_the_old_names_which_take_any_object(organization: Organization) -> None:
    assert names(organization) == set(SEEDED)
    other = Organization.objects.create(slug="other", name="Other")
    assert names(other) == set(SEEDED)
    assert vocabularies.read(other.public_id) == dict.fromkeys(SEEDED, Name())
    other.name = "Another"
    other.save()
    assert EventName.objects.filter(organization=other).count() == len(SEEDED), "and once only"


def test_the_migration_seeds_those_that_a_new_organisation_gets() -> None:
    name = next(path.stem for path in Path(migrations.__path__[0]).glob("*_event_names.py"))
    assert import_module(f"analytics.migrations.{name}").SEEDED == SEEDED


def test_what_is_deleted_stays_away(organization: Organization) -> None:
    EventName.objects.filter(organization=organization, name="page_view").delete()
    assert names(ensure_defaults()[0]) == set(SEEDED) - {"page_view"}


def test_a_name_with_schema_and_limit_is_what_events_are_judged_by(organization: Organization) -> None:
    EventName.objects.create(
        organization=organization, name="purchase", properties={"required": ["cents"]}, hourly_limit=7
    )
    known = vocabularies.read(organization.public_id)["purchase"]
    assert known.limit == 7
    assert known.check is not None
    assert (known.check.is_valid({}), known.check.is_valid({"cents": 1})) == (False, True)
    assert vocabularies.read("org-unknown") == {}


def test_a_schema_that_can_no_longer_be_used_lets_nothing_in_and_is_said(organization: Organization) -> None:
    EventName.objects.filter(name="page_view").update(properties={"type": "bogus"})
    with capture_logs() as log:
        assert vocabularies.read(organization.public_id)["page_view"] == Name(never)
    assert [(each["event"], each["event_name"]) for each in log] == [("event_schema_not_usable", "page_view")]


async def test_a_change_in_this_process_holds_at_once(organization: Organization) -> None:
    from tests.threads import in_thread

    held = vocabularies.vocabularies
    assert (await held.get(organization.public_id))["page_view"].limit == 0
    await in_thread(lambda: EventName.objects.filter(name="page_view").update(hourly_limit=3))
    assert (await held.get(organization.public_id))["page_view"].limit == 3
    await in_thread(lambda: EventName.objects.get(name="page_view").delete())
    assert "page_view" not in await held.get(organization.public_id)


def test_every_change_is_on_the_audit_log(organization: Organization) -> None:
    before = AuditEvent.objects.count()
    name = EventName.objects.create(organization=organization, name="purchase")
    name.hourly_limit = 5
    name.save()
    EventName.objects.filter(pk=name.pk).update(description="Somebody bought something.")
    name.delete()
    types = list(AuditEvent.objects.order_by("pk").values_list("type", flat=True))[before:]
    assert types == ["event_name.created", "event_name.updated", "event_name.updated", "event_name.deleted"]
    assert EventName.audit_action({}, ()) == "organization.events.update"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"name": "1st"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "page_view"}, "__all__"),
        ({"properties": {"type": "bogus"}}, "properties"),
        ({"properties": []}, "properties"),
        ({"hourly_limit": 0}, "hourly_limit"),
    ],
)
def test_what_cannot_be_is_told_at_its_field(organization: Organization, fields: dict[str, Any], field: str) -> None:
    name = EventName(organization=organization, **{"name": "purchase", **fields})
    with pytest.raises(ValidationError) as refused:
        name.full_clean()
    assert field in refused.value.message_dict


@pytest.mark.parametrize("fields", [{"name": "two words"}, {"name": "page_view"}, {"hourly_limit": 0}])
def test_the_database_refuses_it_too(organization: Organization, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        EventName.objects.create(organization=organization, **{"name": "purchase", **fields})


def test_a_name_is_shown_by_its_name() -> None:
    assert str(EventName(name="purchase")) == "purchase"
