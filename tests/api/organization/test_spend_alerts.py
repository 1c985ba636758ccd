"""/v1/organization/spend_alerts and /v1/organization/projects/{project_id}/spend_alerts."""

from decimal import Decimal
from typing import Any, Literal

import httpx
import openai
import pytest

from accounts.models import AuditEvent, SpendAlert
from tests.api.organization.conftest import Http, World, error_of

CHANNEL: dict[str, Any] = {"type": "email", "recipients": ["finance@example.com"]}
GOOD = {"threshold_amount": 50_001, "currency": "USD", "interval": "month", "notification_channel": CHANNEL}
USD: Literal["USD"] = "USD"
MONTH: Literal["month"] = "month"


def test_the_alerts_of_a_project_are_made_listed_changed_and_deleted(admin: openai.OpenAI, world: World) -> None:
    alerts, project = admin.admin.organization.projects.spend_alerts, world.project.public_id
    made = alerts.create(
        project,
        threshold_amount=50_001,
        currency=USD,
        interval=MONTH,
        notification_channel={**CHANNEL, "subject_prefix": "Careful"},  # type: ignore[typeddict-item]
    )
    assert (made.object, made.threshold_amount, made.currency) == ("project.spend_alert", 50_001, "USD")
    assert (made.interval, made.notification_channel.type) == ("month", "email")
    assert made.notification_channel.recipients == ["finance@example.com"]
    assert made.notification_channel.subject_prefix == "Careful"
    row = SpendAlert.objects.get(public_id=made.id)
    assert (row.threshold, row.scope) == (Decimal("500.01"), world.project)
    assert alerts.retrieve(made.id, project_id=project) == made
    assert [alert.id for alert in alerts.list(project)] == [world.project_alert.public_id, made.id]
    changed = alerts.update(
        made.id, project_id=project, threshold_amount=0, currency=USD, interval=MONTH, notification_channel=CHANNEL
    )
    assert (changed.id, changed.threshold_amount, changed.notification_channel.subject_prefix) == (made.id, 0, None)
    gone = alerts.delete(made.id, project_id=project)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "project.spend_alert.deleted", True)
    with pytest.raises(openai.NotFoundError, match="No spend alert found"):
        alerts.retrieve(made.id, project_id=project)


def test_those_of_the_organisation_are_others(admin: openai.OpenAI, world: World) -> None:
    organization = admin.admin.organization
    made = organization.spend_alerts.create(
        threshold_amount=700, currency=USD, interval=MONTH, notification_channel=CHANNEL
    )
    assert made.object == "organization.spend_alert"
    assert organization.spend_alerts.retrieve(made.id) == made
    assert next(iter(organization.spend_alerts.list(order="desc"))).id == made.id
    with pytest.raises(openai.NotFoundError):
        organization.projects.spend_alerts.retrieve(made.id, project_id=world.project.public_id)
    with pytest.raises(openai.NotFoundError):
        organization.spend_alerts.retrieve(world.project_alert.public_id)
    assert organization.spend_alerts.delete(made.id).object == "organization.spend_alert.deleted"


def test_what_the_wire_has_no_words_for_is_not_there_for_it(api: httpx.Client, world: World) -> None:
    hook = "https://hooks.example.com/secret-path"
    hidden = [
        SpendAlert.objects.create(project=world.project, threshold=5, period="day", recipients=["a@example.com"]),
        SpendAlert.objects.create(project=world.project, threshold=5, webhook_url=hook),
    ]
    SpendAlert.objects.filter(pk=world.project_alert.pk).update(webhook_url=hook)
    path = f"/projects/{world.project.public_id}/spend_alerts"
    listed = api.get(path)
    assert [each["id"] for each in listed.json()["data"]] == [world.project_alert.public_id]
    assert "hooks.example.com" not in listed.text
    for alert in hidden:
        for method in ("GET", "POST", "DELETE"):
            assert error_of(api.request(method, f"{path}/{alert.public_id}", json=GOOD), 404)["code"] == "not_found"
    assert api.post(f"{path}/{world.project_alert.public_id}", json=GOOD).status_code == 200
    world.project_alert.refresh_from_db()
    assert (world.project_alert.webhook_url, world.project_alert.threshold) == (hook, Decimal("500.01"))
    assert SpendAlert.objects.filter(pk__in=[alert.pk for alert in hidden]).count() == 2


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "threshold_amount"),
        ({**GOOD, "threshold_amount": -1}, "integer_below_min_value", "threshold_amount"),
        ({**GOOD, "threshold_amount": 10_000_000_000}, "integer_above_max_value", "threshold_amount"),
        ({**GOOD, "threshold_amount": 12.5}, "invalid_type", "threshold_amount"),
        ({**GOOD, "threshold_amount": True}, "invalid_type", "threshold_amount"),
        ({**GOOD, "currency": "EUR"}, "invalid_value", "currency"),
        ({**GOOD, "interval": "day"}, "invalid_value", "interval"),
        ({**GOOD, "organization_id": "org-other"}, "unknown_parameter", "organization_id"),
        ({**GOOD, "notification_channel": None}, "invalid_type", "notification_channel"),
        ({**GOOD, "notification_channel": []}, "invalid_type", "notification_channel"),
        ({**GOOD, "notification_channel": {}}, "missing_required_parameter", "notification_channel.type"),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "type": "webhook"}},
            "invalid_value",
            "notification_channel.type",
        ),
        (
            {**GOOD, "notification_channel": {"type": "email"}},
            "missing_required_parameter",
            "notification_channel.recipients",
        ),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "recipients": []}},
            "empty_array",
            "notification_channel.recipients",
        ),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "recipients": [f"{at}@example.com" for at in range(51)]}},
            "array_above_max_length",
            "notification_channel.recipients",
        ),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "recipients": ["a@example.com", 5]}},
            "invalid_type",
            "notification_channel.recipients[1]",
        ),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "recipients": ["a@example.com", "no address"]}},
            "invalid_value",
            "notification_channel.recipients[1]",
        ),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "recipients": ["a@example.com\r\nBcc: b@example.com"]}},
            "invalid_value",
            "notification_channel.recipients[0]",
        ),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "recipients": ["a@example.com", "A@example.com"]}},
            "invalid_value",
            "notification_channel.recipients[1]",
        ),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "subject_prefix": "a\nb"}},
            "invalid_value",
            "notification_channel.subject_prefix",
        ),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "subject_prefix": "a" * 101}},
            "string_above_max_length",
            "notification_channel.subject_prefix",
        ),
        (
            {**GOOD, "notification_channel": {**CHANNEL, "webhook_url": "http://x"}},
            "unknown_parameter",
            "notification_channel.webhook_url",
        ),
    ],
)
def test_what_is_no_alert_is_refused_by_name_and_changes_nothing(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    before = list(SpendAlert.objects.order_by("pk").values())
    paths = ("/spend_alerts", f"/projects/{world.project.public_id}/spend_alerts")
    for path, alert in zip(paths, (world.organization_alert, world.project_alert), strict=True):
        for url in (path, f"{path}/{alert.public_id}"):
            error = error_of(api.post(url, json=body), 400)
            assert (error["code"], error["param"]) == (code, param)
            assert param in error["message"] or code == "invalid_value"
    assert list(SpendAlert.objects.order_by("pk").values()) == before


def test_an_archived_project_gets_no_alert_and_keeps_those_it_has(api: httpx.Client, world: World) -> None:
    path = f"/projects/{world.project.public_id}/spend_alerts"
    world.project.archive()
    for url in (path, f"{path}/{world.project_alert.public_id}"):
        assert error_of(api.post(url, json=GOOD), 400)["code"] == "project_archived"
    assert len(api.get(path).json()["data"]) == 1


def test_the_highest_threshold_is_kept_to_the_cent(api: httpx.Client) -> None:
    made = api.post("/spend_alerts", json={**GOOD, "threshold_amount": 9_999_999_999}).json()
    assert made["threshold_amount"] == 9_999_999_999
    assert api.get(f"/spend_alerts/{made['id']}").json() == made


def test_changes_are_on_the_audit_log_under_a_type_that_has_to_be_asked_for(
    api: httpx.Client, http: Http, world: World
) -> None:
    made = api.post("/spend_alerts", json=GOOD).json()
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.target_id, event.source) == ("spend_alert.created", made["id"], "api")
    assert event.key_id == world.admin_key.public_id
    shown = api.get("/audit_logs", params={"event_types[]": "spend_alert.created"}).json()["data"]
    assert shown[0]["spend_alert.created"] == {"id": made["id"]}
    assert made["id"] not in api.get("/audit_logs").text
