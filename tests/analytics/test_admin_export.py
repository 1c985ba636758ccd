"""Taking out what a list on the staff pages shows."""

import csv
import json
from io import StringIO
from typing import Any

import pytest
from django.contrib import admin
from django.test import AsyncClient, Client

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Membership, Organization, Project, ProjectMembership, User
from analytics.admin_exports import Exported
from analytics.draining import store
from analytics.exporting import reading
from analytics.exporting.formats import MARK
from analytics.exporting.kinds import KINDS
from analytics.keeping import keep
from tests.analytics.recorded import GOOD
from tests.analytics.visited import seen, take
from tests.threads import in_thread

pytestmark = pytest.mark.usefixtures("database")
EVENTS = "/admin/analytics/event/"


def staff(role: str | None = None, project_role: str = "") -> User:
    """A superuser, or somebody with these roles in the default organisation and project."""
    if role is None:
        return User.objects.create_superuser("boss", "boss@example.com")
    user = User.objects.create_user(role, f"{role}@example.com", is_staff=True)
    organization, project = ensure_defaults()
    membership = Membership.objects.create(organization=organization, user=user, role=role)
    if project_role:
        ProjectMembership.objects.create(membership=membership, project=project, role=project_role)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss(database: None) -> Client:
    return signed_in(staff())


def body(answer: Any) -> str:
    assert answer.status_code == 200
    text: str = answer.getvalue().decode()
    return text


def ids(answer: Any) -> list[str]:
    return [json.loads(line)["event_id"] for line in body(answer).splitlines()]


def told() -> list[tuple[str, Any]]:
    events = AuditEvent.objects.filter(type="organization.analytics_exported").order_by("pk")
    return list(events.values_list("target_id", "after"))


def test_every_list_of_what_can_be_taken_out_leads_to_it_with_its_query(boss: Client) -> None:
    store([GOOD])
    take(seen(1, 0), seen(2, 1, code="unknown_event"))
    pages = {page.exports: page for page in admin.site._registry.values() if isinstance(page, Exported)}
    assert set(pages) == {"usage", "refused", "events", "rejected", "counts", "visits"}
    for kind, page in pages.items():
        address = f"/admin/analytics/{page.opts.model_name}/"
        listed = boss.get(address, {"q": "nothing"}).content.decode()
        for form in ("csv", "jsonl"):
            assert f'href="{address}export/{form}/?q=nothing"' in listed
        answer = boss.get(f"{address}export/csv/")
        rows = list(csv.DictReader(StringIO(body(answer).removeprefix(MARK), newline="")))
        assert len(rows) == (0 if kind == "refused" else 1)
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{kind}-')
        assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["e1", "e2", "e3"]),
        ("?q=e2", ["e2"]),
        ("?at__gte=2026-11-29+12:01:00%2B00:00", ["e2", "e3"]),
        ("?p=2", ["e1", "e2", "e3"]),
        ("?o=-2", ["e1", "e2", "e3"]),
    ],
    ids=["nothing asked", "search", "filter", "page", "order"],
)
def test_what_is_found_is_taken_out_of_all_pages_in_the_order_of_exports(
    boss: Client, query: str, found: list[str]
) -> None:
    keep([seen(3, 2), seen(1, 0), seen(2, 1), seen(4, 3).bare()])
    assert ids(boss.get(f"{EVENTS}export/jsonl/{query}")) == found


def test_who_took_what_out_is_written_down(boss: Client) -> None:
    keep([seen(1, 0)])
    boss.get(f"{EVENTS}export/jsonl/?q=e1&p=3")
    organization = Organization.objects.get()
    expected = {"kind": "events", "format": "jsonl", "filters": {"q": "e1"}}
    assert told() == [(organization.public_id, expected)]
    event = AuditEvent.objects.latest("pk")
    assert (event.source, event.actor_name) == ("admin", "boss@example.com")


@pytest.mark.parametrize(
    ("role", "project_role", "found"),
    [("owner", "", ["e1"]), ("admin", "", ["e1"]), ("viewer", "viewer", ["e1"]), ("viewer", "", None)],
)
def test_nobody_takes_out_more_than_they_see(role: str, project_role: str, found: list[str] | None) -> None:
    organization, project = ensure_defaults()
    elsewhere = Organization.objects.create(name="Elsewhere", slug="elsewhere")
    foreign = Project.objects.create(organization=elsewhere, name="Foreign")
    keep([seen(1, 0, project_id=project.public_id), seen(2, 0, project_id=foreign.public_id)])
    user = staff(role, project_role)
    Membership.objects.create(organization=elsewhere, user=user, role="viewer")  # who may not read its events
    answer = signed_in(user).get(f"{EVENTS}export/jsonl/")
    if found is None:
        assert answer.status_code == 403
        assert told() == []
    else:
        assert ids(answer) == found
        assert [place for place, _ in told()] == [organization.public_id]


def test_strangers_are_sent_to_sign_in_and_take_out_nothing() -> None:
    keep([seen(1, 0)])
    answer = Client().get(f"{EVENTS}export/csv/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/")
    assert told() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "export/xlsx/", 404),
        ("post", "export/csv/", 404),
        ("get", "export/csv/?at__gte=nonsense", 302),
        ("get", "export/csv/?person=ann", 400),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_written_down(boss: Client, method: str, path: str, status: int) -> None:
    answer = getattr(boss, method)(f"{EVENTS}{path}")
    assert answer.status_code == status
    if status == 302:
        assert answer.headers["Location"] == f"{EVENTS}?e=1"
    assert told() == []


@pytest.mark.asyncio
async def test_each_piece_is_sent_before_the_next_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 2)
    asked: list[int] = []
    portions = reading.portions

    def watched(*args: Any) -> Any:
        for number, portion in enumerate(portions(*args)):
            asked.append(number)
            yield portion

    monkeypatch.setattr(reading, "portions", watched)

    def begin() -> User:
        keep([seen(number, number) for number in range(5)])
        return staff()

    client = AsyncClient()
    await client.aforce_login(await in_thread(begin))
    answer: Any = await client.get(f"{EVENTS}export/jsonl/")
    sent = [(len(part.splitlines()), list(asked)) async for part in answer]
    assert sent == [(2, [0]), (2, [0, 1]), (1, [0, 1, 2])]
    answer.close()


def test_columns_are_named_once() -> None:
    for kind in KINDS.values():
        assert len(set(kind.names)) == len(kind.names)
