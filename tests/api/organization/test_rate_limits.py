"""/v1/organization/projects/{project_id}/rate_limits."""

from typing import Any

import httpx
import openai
import pytest
from pytest_django import Settings

from accounts.models import AuditEvent, RateLimit
from api.administration.rate_limits import rate_limit_id
from api.models import Alias, Model
from tests.api.organization.conftest import Sdk, World, error_of

ECHO = "lukhas-echo-1"


def test_every_model_and_alias_that_the_project_sees_has_a_row(admin: openai.OpenAI, world: World) -> None:
    Alias.objects.create(name="fast", target=Model.objects.get(model_id=ECHO))
    Model.objects.filter(model_id="lukhas-embed-1").update(enabled=False)
    organization, project = admin.admin.organization, world.project.public_id
    rows = list(organization.projects.rate_limits.list_rate_limits(project))
    assert [row.model for row in rows] == ["lukhas-chat-1", "lukhas-moderation-1", ECHO, "fast"]
    assert len({row.id for row in rows}) == 4
    for row in rows:
        assert row.object == "project.rate_limit"
        assert (row.max_requests_per_1_minute, row.max_tokens_per_1_minute) == (1_000_000, 1_000_000_000)
        assert row.max_requests_per_1_day is None
        assert project not in row.id
        assert row.model not in row.id
    organization.projects.model_permissions.update(project, mode="allow_list", model_ids=["fast"])
    assert [row.model for row in organization.projects.rate_limits.list_rate_limits(project)] == ["fast"]


def test_the_defaults_of_the_server_are_shown_where_nothing_is_set(
    api: httpx.Client, world: World, settings: Settings
) -> None:
    settings.LUKHAS_DEFAULT_RPM, settings.LUKHAS_DEFAULT_TPM = 7, 70
    rows = api.get(f"/projects/{world.project.public_id}/rate_limits").json()["data"]
    assert {(row["max_requests_per_1_minute"], row["max_tokens_per_1_minute"]) for row in rows} == {(7, 70)}


def test_a_limit_on_all_models_of_a_project_is_shown_for_each_that_has_none_of_its_own(
    api: httpx.Client, world: World
) -> None:
    RateLimit.objects.put(world.project, {"value": 9}, model="", unit="requests", period="minute")
    RateLimit.objects.put(world.project, {"value": 3}, model=ECHO, unit="requests", period="minute")
    RateLimit.objects.put(world.project, {"value": 1}, model=ECHO, unit="in_flight", period="")
    rows = api.get(f"/projects/{world.project.public_id}/rate_limits").json()["data"]
    shown = {row["model"]: row["max_requests_per_1_minute"] for row in rows}
    assert shown == {"lukhas-chat-1": 9, "lukhas-embed-1": 9, "lukhas-moderation-1": 9, ECHO: 3}


def test_a_limit_that_is_set_is_kept_to(admin: openai.OpenAI, make_sdk: Sdk, world: World) -> None:
    limits, project = admin.admin.organization.projects.rate_limits, world.project.public_id
    row = next(row for row in limits.list_rate_limits(project) if row.model == ECHO)
    changed = limits.update_rate_limit(
        row.id, project_id=project, max_requests_per_1_minute=2, max_requests_per_1_day=100
    )
    assert (changed.id, changed.model) == (row.id, ECHO)
    assert (changed.max_requests_per_1_minute, changed.max_requests_per_1_day) == (2, 100)
    assert changed.max_tokens_per_1_minute == 1_000_000_000
    assert changed in list(limits.list_rate_limits(project))
    caller = make_sdk(api_key=world.token)
    for _ in range(2):
        caller.embeddings.create(model=ECHO, input="x", encoding_format="float")
    with pytest.raises(openai.RateLimitError) as refused:
        caller.embeddings.create(model=ECHO, input="x", encoding_format="float")
    assert refused.value.response.headers["x-ratelimit-limit-requests"] == "2"


def test_setting_one_limit_leaves_the_others(api: httpx.Client, world: World) -> None:
    url = f"/projects/{world.project.public_id}/rate_limits/{rate_limit_id(world.project.public_id, ECHO)}"
    api.post(url, json={"max_requests_per_1_minute": 5, "max_tokens_per_1_minute": 50}).raise_for_status()
    row = api.post(url, json={"max_tokens_per_1_minute": 0, "max_requests_per_1_minute": None}).json()
    assert (row["max_requests_per_1_minute"], row["max_tokens_per_1_minute"]) == (5, 0)
    assert api.post(url, json={}).json() == row
    assert RateLimit.objects.count() == 2


def test_a_change_is_on_the_audit_log_as_the_specification_shows_it(admin: openai.OpenAI, world: World) -> None:
    organization, project = admin.admin.organization, world.project.public_id
    row = rate_limit_id(project, ECHO)
    for value in (5, 6):
        organization.projects.rate_limits.update_rate_limit(
            row, project_id=project, max_requests_per_1_minute=value, max_tokens_per_1_minute=50
        )
    events = list(organization.audit_logs.list(event_types=["rate_limit.updated"]))
    told = [event.rate_limit_updated for event in reversed(events)]
    assert {each.id for each in told if each is not None} == {row}
    asked = [each.changes_requested.to_dict() for each in told if each is not None and each.changes_requested]
    # What is asked for once more changes nothing.
    assert asked == [
        {"max_requests_per_1_minute": 5}, {"max_tokens_per_1_minute": 50}, {"max_requests_per_1_minute": 6}
    ]  # fmt: skip
    for event in events:
        assert event.actor is not None
        assert event.actor.api_key is not None
        assert event.actor.api_key.id == world.admin_key.public_id
        assert event.project is not None
        assert event.project.id == project
    recorded = AuditEvent.objects.filter(type="rate_limit.updated")
    assert len({event.request_id for event in recorded} - {""}) == 2
    RateLimit.objects.all().delete()
    gone = list(organization.audit_logs.list(event_types=["rate_limit.deleted"]))
    assert [event.rate_limit_deleted.id for event in gone if event.rate_limit_deleted is not None] == [row, row]


def test_a_row_of_another_project_is_not_there(api: httpx.Client, world: World) -> None:
    other = api.post("/projects", json={"name": "Other"}).json()["id"]
    url = f"/projects/{world.project.public_id}/rate_limits/{rate_limit_id(other, ECHO)}"
    assert error_of(api.post(url, json={"max_requests_per_1_minute": 1}), 404)["code"] == "not_found"
    assert not RateLimit.objects.exists()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"max_requests_per_1_minute": -1}, "integer_below_min_value", "max_requests_per_1_minute"),
        ({"max_requests_per_1_minute": 2**50 + 1}, "integer_above_max_value", "max_requests_per_1_minute"),
        ({"max_tokens_per_1_minute": 10**25}, "integer_above_max_value", "max_tokens_per_1_minute"),
        ({"max_tokens_per_1_minute": "5"}, "invalid_type", "max_tokens_per_1_minute"),
        ({"max_requests_per_1_day": 1.5}, "invalid_type", "max_requests_per_1_day"),
        ({"max_images_per_1_minute": 1}, "unsupported_parameter", "max_images_per_1_minute"),
        ({"max_audio_megabytes_per_1_minute": 1}, "unsupported_parameter", "max_audio_megabytes_per_1_minute"),
        ({"batch_1_day_max_input_tokens": 1}, "unsupported_parameter", "batch_1_day_max_input_tokens"),
        ({"max_requests_per_1_minute": 1, "model": "other"}, "unknown_parameter", "model"),
    ],
)
def test_what_is_no_limit_is_refused_by_name_and_sets_none(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    url = f"/projects/{world.project.public_id}/rate_limits/{rate_limit_id(world.project.public_id, ECHO)}"
    error = error_of(api.post(url, json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert not RateLimit.objects.exists()
