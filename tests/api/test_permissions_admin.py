"""Which models a project may use, set by hand: on a page of its own, and on the project's."""

from typing import Any

import pytest
from django.test import Client

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Project, User
from api.models import Alias, Model, ModelPermissions

PAGE = "/admin/api/modelpermissions/"


@pytest.fixture
def staff(database: None) -> Client:
    """A browser in which a superuser is logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "boss@example.com"))
    return client


@pytest.fixture
def project(database: None) -> Project:
    Alias.objects.create(name="fast", target=Model.objects.get(model_id="lukhas-echo-1"))
    return ensure_defaults()[1]


def on_the_project(
    project: Project, *models: str, row: ModelPermissions | None = None, **fields: Any
) -> dict[str, Any]:
    prefix = "model_permissions"
    return {
        "name": project.name,
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
        f"{prefix}-TOTAL_FORMS": "1",
        f"{prefix}-INITIAL_FORMS": "1" if row else "0",
        f"{prefix}-0-id": row.pk if row else "",
        f"{prefix}-0-project": project.pk,
        f"{prefix}-0-mode": "allow_list",
        f"{prefix}-0-model_ids": list(models),
        **{f"{prefix}-0-{name}": value for name, value in fields.items()},
    }


def test_they_are_set_changed_and_taken_away_on_the_page_of_the_project(staff: Client, project: Project) -> None:
    page = f"/admin/accounts/project/{project.pk}/change/"
    shown = staff.get(page).content.decode()
    for name in ("lukhas-chat-1", "lukhas-echo-1", "fast (alias of lukhas-echo-1)"):
        assert f">{name}</option>" in shown
    assert staff.post(page, on_the_project(project, "lukhas-echo-1", "fast")).status_code == 302
    row = ModelPermissions.objects.get()
    assert (row.project, row.mode, row.model_ids) == (project, "allow_list", ["lukhas-echo-1", "fast"])
    assert AuditEvent.objects.latest("pk").type == "model_permissions.created"
    staff.post(page, on_the_project(project, "fast", row=row, mode="deny_list"))
    row.refresh_from_db()
    assert (row.mode, row.model_ids) == ("deny_list", ["fast"])
    staff.post(page, on_the_project(project, "fast", row=row, DELETE="on"))
    assert not ModelPermissions.objects.exists()


def test_a_project_that_is_saved_without_a_choice_may_use_all_models_still(staff: Client, project: Project) -> None:
    page = f"/admin/accounts/project/{project.pk}/change/"
    offered = staff.get(page).context["inline_admin_formsets"][0].formset.forms[0]["mode"]
    assert offered.value() is None
    assert offered.field.choices[0] == ("", "All models")
    assert staff.post(page, on_the_project(project, mode="")).status_code == 302
    assert not ModelPermissions.objects.exists()
    row = ModelPermissions.objects.create(project=project, mode="allow_list", model_ids=["fast"])
    assert staff.post(page, on_the_project(project, "fast", row=row, mode="")).status_code == 200
    row.refresh_from_db()
    assert (row.mode, row.model_ids) == ("allow_list", ["fast"])


def test_a_project_has_them_once(staff: Client, project: Project) -> None:
    ModelPermissions.objects.create(project=project, mode="allow_list", model_ids=["fast"])
    answer = staff.post(f"{PAGE}add/", {"project": project.pk, "mode": "allow_list", "model_ids": []})
    assert "already exists" in answer.content.decode()
    assert ModelPermissions.objects.count() == 1


def test_a_name_that_is_no_model_cannot_be_chosen(staff: Client, project: Project) -> None:
    answer = staff.post(f"{PAGE}add/", {"project": project.pk, "mode": "allow_list", "model_ids": ["nothing"]})
    assert "nothing is not one of the available choices" in answer.content.decode()
    assert not ModelPermissions.objects.exists()


def test_a_name_that_is_listed_stays_when_its_model_is_gone(staff: Client, project: Project) -> None:
    row = ModelPermissions.objects.create(project=project, mode="allow_list", model_ids=["fast"])
    Alias.objects.all().delete()
    page = f"{PAGE}{row.pk}/change/"
    assert ">fast (gone)</option>" in staff.get(page).content.decode()
    data = {"mode": "allow_list", "model_ids": ["fast", "lukhas-echo-1"]}
    assert staff.post(page, data).status_code == 302
    row.refresh_from_db()
    assert row.model_ids == ["fast", "lukhas-echo-1"]


def test_the_list_tells_and_finds_what_is_listed(staff: Client, project: Project) -> None:
    row = ModelPermissions.objects.create(project=project, mode="allow_list", model_ids=["fast"])
    page = staff.get(PAGE, {"q": "fast"}).content.decode()
    assert project.organization.name in page
    assert ">fast<" in page
    ModelPermissions.objects.filter(pk=row.pk).update(model_ids=[])
    assert ">none<" in staff.get(PAGE).content.decode()
    assert list(staff.get(PAGE, {"q": "fast"}).context["cl"].queryset) == []


def test_in_an_archived_project_they_are_only_shown(staff: Client, project: Project) -> None:
    old = Project.objects.create(organization=project.organization, name="Old")
    ModelPermissions.objects.create(project=old, mode="allow_list", model_ids=["fast"])
    old.archive()
    page = staff.get(f"/admin/accounts/project/{old.pk}/change/").content.decode()
    assert "Only these" in page
    assert "model_permissions-0-model_ids" not in page
