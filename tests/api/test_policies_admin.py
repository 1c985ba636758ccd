"""The staff pages of policies: made, switched, enforced and tried by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Membership, Organization, Project, ProjectMembership, User
from api.models import Alias, Model, Policy, Veto
from tests.api.guarded import SECRET, policy

PAGE = "/admin/api/policy/"


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def staff(database: None) -> Client:
    """A browser in which a superuser is logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "boss@example.com"))
    return client


def clerk(project: Project, role: str = "member", project_role: str = "admin") -> Client:
    """A browser of somebody with these roles."""
    user = User.objects.create_user("clerk", "clerk@example.com", is_staff=True)
    member = Membership.objects.create(user=user, organization=project.organization, role=role)
    ProjectMembership.objects.create(membership=member, project=project, role=project_role)
    client = Client()
    client.force_login(user)
    return client


def typed(project: Project, **fields: Any) -> dict[str, Any]:
    return {
        "name": "islands", "project": project.pk, "kind": "pattern", "pattern": SECRET, "mode": "enforce",
        "enabled": "on", "reason_code": "no_islands", **fields,
    }  # fmt: skip


def test_a_policy_is_made_and_changed_and_every_change_is_on_the_audit_log(staff: Client, project: Project) -> None:
    assert staff.post(f"{PAGE}add/", typed(project)).status_code == 302
    row = Policy.objects.get()
    assert (row.project, row.pattern, row.mode, row.enabled) == (project, SECRET, "enforce", True)
    changed = typed(project, kind="max_tokens", max_tokens=9, enabled="")
    assert staff.post(f"{PAGE}{row.pk}/change/", changed).status_code == 302
    row.refresh_from_db()
    assert (row.kind, row.pattern, row.max_tokens, row.enabled) == ("max_tokens", "", 9, False)
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.actor_name) == ("policy.updated", "boss@example.com")
    assert set(event.changed()) == {"enabled", "kind", "max_tokens", "pattern"}


def test_the_model_is_chosen_and_one_that_is_gone_stays_possible(staff: Client, project: Project) -> None:
    Alias.objects.create(name="fast", target=Model.objects.get(model_id="lukhas-echo-1"))
    row = policy(model="fast")
    page = f"{PAGE}{row.pk}/change/"
    offered = staff.get(page).context["adminform"].form.fields["model"].choices
    assert offered[0] == ("", "All models")
    assert ("fast", "fast (alias of lukhas-echo-1)") in offered
    Alias.objects.all().delete()
    assert ("fast", "fast (gone)") in staff.get(page).context["adminform"].form.fields["model"].choices
    assert staff.post(page, typed(project, model="fast")).status_code == 302
    assert "not one of the available choices" in str(staff.post(page, typed(project, model="slow")).context["errors"])


def test_what_is_wrong_stands_at_its_field(staff: Client, project: Project) -> None:
    answer = staff.post(f"{PAGE}add/", typed(project, pattern="(a"))
    assert answer.context["adminform"].errors == {"pattern": ["This is no pattern of RE2: missing ): (a."]}
    answer = staff.post(f"{PAGE}add/", typed(project, kind="magic"))
    assert set(answer.context["adminform"].errors) >= {"kind"}
    assert not Policy.objects.exists()


def test_a_policy_is_switched_off_and_on_in_the_list(staff: Client, project: Project) -> None:
    row = policy()
    assert 'aria-checked="true"' in staff.get(PAGE).content.decode()
    switch = f"{PAGE}{row.pk}/switch/?mode__exact=enforce"
    answer = staff.post(switch, {"enabled": "no"}, follow=True)
    assert answer.redirect_chain == [(f"{PAGE}?mode__exact=enforce", 302)]
    assert f"{row} is off." in answer.content.decode()
    row.refresh_from_db()
    assert row.enabled is False
    staff.post(switch, {"enabled": "no"})
    assert AuditEvent.objects.filter(type="policy.updated").count() == 1
    assert LogEntry.objects.get().change_message == "enabled: False"
    assert staff.post(f"{PAGE}{row.pk}/switch/", {"enabled": "yes"}).headers["location"] == PAGE
    row.refresh_from_db()
    assert row.enabled is True


def test_a_switch_is_pressed_only_by_whoever_may_change_the_policy(project: Project) -> None:
    own, whole = policy(), policy(organization=project.organization)
    client = clerk(project)
    page = client.get(PAGE).content.decode()
    assert page.count('formaction="/admin/api/policy/') == 1
    assert 'aria-disabled="true"' in page
    assert client.get(f"{PAGE}{whole.pk}/change/").context["has_change_permission"] is False
    assert client.post(f"{PAGE}{whole.pk}/switch/", {"enabled": "no"}).status_code == 403
    assert client.post(f"{PAGE}{own.pk}/switch/", {"enabled": "no"}).status_code == 302
    assert client.get(f"{PAGE}{own.pk}/switch/").status_code == 404
    assert client.post(f"{PAGE}4711/switch/", {"enabled": "no"}).status_code == 404
    assert set(Policy.objects.values_list("pk", "enabled")) == {(own.pk, False), (whole.pk, True)}


def test_several_are_enforced_or_put_in_shadow_at_once(staff: Client, project: Project) -> None:
    rows = [policy(mode="shadow"), policy()]
    chosen = {"_selected_action": [row.pk for row in rows]}
    answer = staff.post(PAGE, {"action": "enforce_selected", **chosen}, follow=True)
    assert "Refusing requests from now on: 1." in answer.content.decode()
    assert set(Policy.objects.values_list("mode", flat=True)) == {"enforce"}
    answer = staff.post(PAGE, {"action": "shadow_selected", **chosen}, follow=True)
    assert "Only writing down from now on: 2." in answer.content.decode()
    assert set(Policy.objects.values_list("mode", flat=True)) == {"shadow"}


def test_the_list_is_searched_filtered_and_drawn_in_as_many_queries_for_few_as_for_many(
    staff: Client, project: Project
) -> None:
    def veto(row: Policy, mode: str, ago: int) -> None:
        at = datetime.now(UTC) - timedelta(days=ago)
        Veto.objects.create(at=at, policy_id=row.pk, kind="pattern", mode=mode, reason_code="r")

    rows = [policy(name="islands"), policy(name="oceans", max_tokens=5, mode="shadow")]
    staff.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        staff.get(PAGE)
    whole = {"organization": project.organization, "model": "lukhas-echo-1"}
    rows += [policy(name=f"lake {number}", **whole) for number in range(5)]
    for ago in (0, 1, 5, 8):
        veto(rows[0], "enforce", ago)
    veto(rows[0], "shadow", 0)
    with CaptureQueriesContext(connection) as many:
        page = staff.get(PAGE).content.decode()
    assert len(few) == len(many) <= 14
    assert "Vetoes of the last 7 days: enforce 3, shadow 1." in page
    assert page.count("No vetoes in the last 7 days.") == 6
    assert "more than 5 input tokens" in page

    def found(**query: str) -> set[str]:
        return {row.name for row in staff.get(PAGE, query).context["cl"].queryset}

    assert found(q="ocean") == {"oceans"}
    assert found(q=SECRET) == {row.name for row in rows if row.pattern}
    assert found(mode__exact="shadow") == {"oceans"}
    assert found(kind__exact="pattern", project__id__exact=str(project.pk)) == {"islands"}


def test_a_text_is_tried_on_one_policy_whether_it_is_on_or_not(staff: Client, project: Project) -> None:
    row = policy(enabled=False)
    page = f"{PAGE}{row.pk}/try-it/"
    assert "Try a text" in staff.get(f"{PAGE}{row.pk}/change/").content.decode()
    assert staff.get(page).context["found"] is None
    [tried] = staff.post(page, {"text": f"Of {SECRET}"}).context["found"]
    assert tried == (row.name, row.reason_code, "refuses it", "The pattern is found at character 4.")
    [tried] = staff.post(page, {"text": "Of the sea"}).context["found"]
    assert tried == (row.name, row.reason_code, "nothing against it", "")
    assert "This field is required" in staff.post(page, {"text": ""}).content.decode()
    Policy.objects.update(pattern="(")
    [tried] = staff.post(page, {"text": "x"}).context["found"]
    assert tried == (row.name, row.reason_code, "cannot tell", "Unreadable")


def test_a_text_is_tried_on_all_that_are_for_a_request(staff: Client, project: Project) -> None:
    organization = project.organization
    Alias.objects.create(name="fast", target=Model.objects.get(model_id="lukhas-echo-1"))
    policy(reason_code="shadow", mode="shadow")
    policy(reason_code="alias", model="fast")
    policy(reason_code="target", model="lukhas-echo-1", organization=organization)
    policy(reason_code="long", max_tokens=3)
    policy(reason_code="chat", model="lukhas-chat-1")
    policy(reason_code="off", enabled=False)
    elsewhere = Organization.objects.create(slug="elsewhere", name="Elsewhere")
    policy(reason_code="elsewhere", organization=elsewhere)

    def tried(model: str) -> dict[str, str]:
        asked = {"project": project.pk, "model": model, "text": f"{SECRET} ahoy"}
        return {each.reason: each.outcome for each in staff.post(f"{PAGE}try/", asked).context["found"]}

    assert "Try a text on all policies" in staff.get(PAGE).content.decode()
    assert staff.get(f"{PAGE}try/").context["found"] is None
    assert tried("fast") == {
        "alias": "refuses it",
        "target": "refuses it",
        "long": "refuses it",
        "shadow": "would refuse it, but is in shadow",
    }
    assert list(tried("lukhas-echo-1")) == ["target", "long", "shadow"]
    assert list(tried("lukhas-chat-1")) == ["long", "chat", "shadow"]
    Policy.objects.all().delete()
    asked = {"project": project.pk, "model": "fast", "text": "x"}
    assert "No policy that you may see" in staff.post(f"{PAGE}try/", asked).content.decode()


def test_a_text_is_tried_on_the_moderation_model(staff: Client, project: Project) -> None:
    row = policy(kind="moderation", category="violence", threshold=0.5)
    page = f"{PAGE}{row.pk}/try-it/"
    [tried] = staff.post(page, {"text": "I am going to kill you when I find you."}).context["found"]
    assert tried.outcome == "refuses it"
    assert tried.why.startswith("violence scores ")
    [tried] = staff.post(page, {"text": "Of the sea"}).context["found"]
    assert tried.outcome == "nothing against it"


def test_only_what_may_be_seen_is_tried_and_only_by_whoever_may_see_any(project: Project) -> None:
    policy(reason_code="own")
    policy(reason_code="whole", organization=project.organization)
    elsewhere = Organization.objects.create(slug="elsewhere", name="Elsewhere")
    foreign = Project.objects.create(organization=elsewhere, name="Elsewhere")
    theirs = policy(reason_code="theirs", project=foreign)
    client = clerk(project, role="viewer", project_role="viewer")
    asked = {"model": "lukhas-echo-1", "text": SECRET}
    found = client.post(f"{PAGE}try/", {**asked, "project": project.pk}).context["found"]
    assert [each.reason for each in found] == ["own"]
    answer = client.post(f"{PAGE}try/", {**asked, "project": foreign.pk})
    assert answer.context["found"] is None
    assert client.post(f"{PAGE}{theirs.pk}/try-it/", asked).status_code == 404
    nobody = Client()
    nobody.force_login(User.objects.create_user("nobody", "nobody@example.com", is_staff=True))
    assert nobody.post(f"{PAGE}try/", {**asked, "project": project.pk}).status_code == 403
    assert Client().get(f"{PAGE}try/").status_code == 302


def test_nothing_of_what_is_tried_is_kept_or_logged(staff: Client, project: Project) -> None:
    row = policy(pattern="secret [a-z]+")
    before = AuditEvent.objects.count()
    with structlog.testing.capture_logs() as lines, CaptureQueriesContext(connection) as queries:
        staff.post(f"{PAGE}{row.pk}/try-it/", {"text": "secret of mine"})
        asked = {"project": project.pk, "model": "lukhas-echo-1", "text": "secret of mine"}
        staff.post(f"{PAGE}try/", asked)
    assert "mine" not in repr(lines) + repr(queries.captured_queries)
    assert (AuditEvent.objects.count(), LogEntry.objects.count(), Veto.objects.count()) == (before, 0, 0)
