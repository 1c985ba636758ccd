"""The sidebar of the staff pages."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from accounts.bootstrap import ensure_defaults
from accounts.models import User
from lukhas_site.navigation import GROUPS
from tests.accounts.test_admin import staff_as


def links(client: Client) -> list[str]:
    groups = client.get("/admin/").context["sidebar_navigation"]
    return [item["title"] for group in groups for item in group["items"]]


def test_every_page_stands_in_it_once() -> None:
    listed = [apps.get_model(label) for items in GROUPS.values() for label, _, _ in items]
    assert sorted(map(str, listed)) == sorted(map(str, admin.site._registry))


def test_superusers_see_all_of_it(database: None) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com"))
    listed = ["Dashboard", *(title for items in GROUPS.values() for _, title, _ in items)]
    listed.insert(listed.index("Usage records"), "Usage")
    listed.insert(listed.index("Event names"), "Event charts")
    assert links(client) == listed


@pytest.mark.parametrize(
    ("role", "sees"),
    [
        (
            "owner",
            [
                *("Dashboard", "Audit log", "Organisations", "Projects", "Users", "Memberships", "Project memberships"),
                *("Sessions", "API keys", "Service accounts", "Rate limits", "Budgets", "Spending"),
                *("Spend alerts", "What was told", "Usage", "Usage records", "Policies", "Vetoes"),
                *("Event charts", "Event names", "Events", "Events by the hour", "Visits", "Rejected events"),
                "Event policies",
                *("Flags", "Experiments", "Ramps", "Rollout guards", "Turned back", "Segments", "Environments"),
                "Projects in environments",
                "Models of projects",
            ],
        ),
        (
            "viewer",
            [
                *("Dashboard", "Organisations", "Projects", "Users", "Memberships", "Event names"),
                *("Flags", "Experiments", "Ramps", "Rollout guards", "Turned back", "Segments", "Environments"),
                "Projects in environments",
            ],
        ),
    ],
)
def test_others_see_what_they_may_open(database: None, role: str, sees: list[str]) -> None:
    client = staff_as(role, ensure_defaults()[0])
    assert links(client) == sees
    for group in client.get("/admin/").context["sidebar_navigation"]:
        for item in group["items"]:
            assert client.get(item["link"]).status_code == 200


def test_dates_are_written_as_iso_8601_does(database: None) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com"))
    project = ensure_defaults()[1]
    page = client.get(f"/admin/accounts/project/{project.pk}/change/").content.decode()
    assert f"{project.created_at:%Y-%m-%d %H:%M}" in page
