"""What tests begin with: the database as a first start leaves it, whatever the test before has done, and what fixtures
make."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.db import DatabaseError, connection, connections, transaction

from accounts.audit.verifying import chains, verify
from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, AuditEvent, Membership, Organization, Project, Role, ServiceAccount, User
from api.bootstrap import ensure_catalog
from api.models import Alias, Model, Upstream
from tests.beginnings import Beginnings
from tests.conftest import empty_database, tables

pytestmark = pytest.mark.usefixtures("database")

MADE_ANEW = {"id", "public_id", "organization", "target_id", "after", "hash", "previous_hash", "signature"}
"""What no two first starts have in common, besides times and what refers to a row."""


def rows() -> dict[str, list[dict[str, Any]]]:
    """All that there is, by table and by column."""
    found = {}
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
            names = [column[0] for column in cursor.description]
            found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


def in_common() -> dict[str, list[dict[str, Any]]]:
    """What two first starts have in common."""
    return {
        table: [
            {name: value for name, value in row.items() if name not in MADE_ANEW and not name.endswith(("_at", "_id"))}
            for row in found
        ]
        for table, found in rows().items()
    }


def use_everything() -> None:
    """Adds, changes and deletes, as tests do."""
    organization, project = ensure_defaults()
    user = User.objects.create_user("ada", "ada@example.com", "difference-engine")
    Membership.objects.create(user=user, organization=organization, role=Role.OWNER)
    robot = ServiceAccount.objects.create(project=project, name="robot", role=Role.OWNER)
    ApiKey.issue(name="k", organization=organization, project=project, service_account=robot)
    Organization.objects.update(name="Renamed")
    Alias.objects.create(name="another", target=Model.objects.get(model_id="lukhas-chat-1"))
    Model.objects.get(model_id="lukhas-echo-1").delete()
    Upstream.objects.get(kind=Upstream.Kind.ECHO).delete()


def test_it_holds_what_the_application_makes_in_an_empty_database() -> None:
    here = in_common()
    empty_database()
    assert not any(rows().values())
    with transaction.atomic():
        ensure_defaults()
        ensure_catalog()
    assert in_common() == here
    assert len(here["api_model"]) == len(here["api_upstream"]) == 4
    assert len(here["accounts_project"]) == 1


def test_the_application_finds_nothing_missing() -> None:
    before = rows()
    ensure_defaults()
    ensure_catalog()
    assert rows() == before


def test_nothing_of_a_test_is_left_for_the_next(beginnings: Beginnings) -> None:
    before = rows()
    use_everything()
    assert rows() != before
    empty_database()
    beginnings.first_start()
    assert rows() == before


def test_the_next_test_has_new_numbers_for_its_rows(beginnings: Beginnings) -> None:
    former = ServiceAccount.objects.create(project=ensure_defaults()[1], name="robot").pk
    empty_database()
    beginnings.first_start()
    assert ServiceAccount.objects.create(project=ensure_defaults()[1], name="robot").pk > former


def test_other_threads_see_it() -> None:
    def names() -> list[str]:
        try:
            return list(Project.objects.values_list("name", flat=True))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(names).result() == ["Default project"]


def test_its_audit_log_is_whole_and_goes_on() -> None:
    written = AuditEvent.objects.count()
    use_everything()
    assert AuditEvent.objects.count() > written
    assert [problem for chain in chains() for problem in verify(chain).problems] == []


def test_its_audit_log_is_guarded() -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_auditevent")
    assert AuditEvent.objects.exists()


class Maker:
    """Makes a project with this name, and counts how often it was asked to."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, 0

    def __call__(self) -> Project:
        self.asked += 1
        return Project.objects.create(organization=ensure_defaults()[0], name=self.name)


def anew(beginnings: Beginnings) -> None:
    """As between two tests."""
    empty_database()
    beginnings.first_start()


def test_what_a_fixture_makes_is_made_once_and_is_the_same_for_every_test(beginnings: Beginnings) -> None:
    make = Maker("once")
    first = beginnings.begin("of this test", make)
    before = rows()
    for _ in range(2):
        anew(beginnings)
        again = beginnings.begin("of this test", make)
        assert again == first
        assert again is not first
        assert rows() == before
        again.name = "changed"
        again.save()
    assert make.asked == 1
    assert verify(first.organization.public_id).problems == []


def test_one_fixture_goes_on_from_another_in_either_order(beginnings: Beginnings) -> None:
    makers = {name: Maker(name) for name in ("one", "two")}
    for order in (["one", "two"], ["two", "one"]) * 2:
        anew(beginnings)
        made = [beginnings.begin(f"of this test: {name}", makers[name]) for name in order]
        assert [project.name for project in made] == order
        assert list(Project.objects.order_by("name").values_list("name", flat=True)) == ["Default project", *makers]
        assert made == [Project.objects.get(name=name) for name in order]
    assert [maker.asked for maker in makers.values()] == [2, 2]  # once first, once second


def test_what_a_test_made_before_is_not_lost(beginnings: Beginnings) -> None:
    make = Maker("late")
    for asked in (1, 2):
        anew(beginnings)
        ServiceAccount.objects.create(project=ensure_defaults()[1], name="robot")
        beginnings.begin("of this test", make)
        assert ServiceAccount.objects.filter(name="robot").exists()
        assert make.asked == asked


def test_new_passwords_are_hashed_in_no_time_and_those_of_production_still_hold() -> None:
    assert make_password("difference-engine").startswith("md5$")
    assert check_password("difference-engine", PBKDF2PasswordHasher().encode("difference-engine", "s" * 16, 1))
